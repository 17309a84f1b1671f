// The curve in time that fits a pixel best: over any list of curves, and over a family of ramps.

#define TOGETHER 8  // curves whose products a thread holds in registers; the list is padded to it

// Product of a pixel's frames with each unit curve; curves (count, groups * TOGETHER), 0 in padding.
// best is the first index of the highest product, 0 with a score of 0 where none is above 0.
GLOBAL void best_curve(const float* __restrict__ frames, const float* __restrict__ curves, int groups,
                       int count, int rows, int columns, int* __restrict__ best,
                       float* __restrict__ score) {
  const int x = TID_X, y = TID_Y;
  if (x >= columns || y >= rows || TID_Z > 0) return;
  int chosen = 0;
  float highest = 0.0f;
  for (int group = 0; group < groups; group++) {
    float product[TOGETHER];
#pragma unroll
    for (int i = 0; i < TOGETHER; i++) product[i] = 0.0f;
    for (int k = 0; k < count; k++) {
      const float value = frames[at(k, y, x, rows, columns)];
      const float* curve = curves + at(0, k, group * TOGETHER, count, groups * TOGETHER);
#pragma unroll
      for (int i = 0; i < TOGETHER; i++) product[i] += value * curve[i];
    }
#pragma unroll
    for (int i = 0; i < TOGETHER; i++) {
      if (product[i] > highest) {
        highest = product[i];
        chosen = group * TOGETHER + i;
      }
    }
  }
  best[at(0, y, x, rows, columns)] = chosen;
  score[at(0, y, x, rows, columns)] = highest;
}

// The sums that products with ramps are differences of, in 64 bits because they are subtracted.
// rising (2, count + 1, rows, columns): f and f t over the frames before; falling (decays, count + 1,
// rows, columns): what is still there of the frames from here on. positions (count), fade (decays,
// count).
GLOBAL void running_sums(const float* __restrict__ frames, const double* __restrict__ positions,
                         const double* __restrict__ fade, int decays, int count, int rows, int columns,
                         double* __restrict__ rising, double* __restrict__ falling) {
  const int x = TID_X, y = TID_Y;
  if (x >= columns || y >= rows || TID_Z > 0) return;
  const int steps = count + 1;
  double number = 0.0, moment = 0.0;
  rising[at(0, y, x, rows, columns)] = 0.0;
  rising[at(steps, y, x, rows, columns)] = 0.0;
  for (int k = 0; k < count; k++) {
    const double value = (double)frames[at(k, y, x, rows, columns)];
    number += value;
    moment += value * positions[k];
    rising[at(k + 1, y, x, rows, columns)] = number;
    rising[at(steps + k + 1, y, x, rows, columns)] = moment;
  }
  for (int d = 0; d < decays; d++) {
    double left = 0.0;
    falling[at(d * steps + count, y, x, rows, columns)] = 0.0;
    for (int k = count - 1; k >= 0; k--) {
      left = (double)frames[at(k, y, x, rows, columns)] + fade[at(0, d, k, decays, count)] * left;
      falling[at(d * steps + k, y, x, rows, columns)] = left;
    }
  }
}

// The ramp of the highest normalised product; the tables are those of compute/ramps.py.
// frame (2, ramps): first, full; shape (2, ramps): start, rise; weight (3, ramps, decays): after,
// share, norm.
GLOBAL void best_ramp(const double* __restrict__ rising, const double* __restrict__ falling,
                      const int* __restrict__ frame, const double* __restrict__ shape,
                      const double* __restrict__ weight, int ramps, int decays, int count, int rows,
                      int columns, int* __restrict__ best, float* __restrict__ score) {
  const int x = TID_X, y = TID_Y;
  if (x >= columns || y >= rows || TID_Z > 0) return;
  const int steps = count + 1;
  const double whole = rising[at(count, y, x, rows, columns)];
  int chosen = 0;
  double highest = 0.0;
  for (int r = 0; r < ramps; r++) {
    const int low = frame[r], high = frame[ramps + r];
    const double number =
        rising[at(high, y, x, rows, columns)] - rising[at(low, y, x, rows, columns)];
    const double moment =
        rising[at(steps + high, y, x, rows, columns)] - rising[at(steps + low, y, x, rows, columns)];
    const double up = (moment - shape[r] * number) / shape[ramps + r];
    for (int d = 0; d < decays; d++) {
      const double after = weight[at(0, r, d, ramps, decays)];
      const double share = weight[at(1, r, d, ramps, decays)];
      const double norm = weight[at(2, r, d, ramps, decays)];
      const double left = falling[at(d * steps + high, y, x, rows, columns)];
      const double value = (up + after * left - share * whole) * norm;
      if (value > highest) {
        highest = value;
        chosen = r * decays + d;
      }
    }
  }
  best[at(0, y, x, rows, columns)] = chosen;
  score[at(0, y, x, rows, columns)] = (float)highest;
}
