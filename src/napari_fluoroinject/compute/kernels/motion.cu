// Registration's sums: normal equations of one Gauss-Newton step, and the mean that is a template.

#define SUMS 14    // ten of the symmetric 4 x 4 matrix, row by row, then four of the vector
#define STRIP 32   // rows of one 32-bit sum: short, so that it stays exact enough

// Sums down a strip of one column of one frame; out (count, 14, strips, columns).
// The unknowns are row, column, angle and a brightness offset, whose slope is -1.
GLOBAL void motion_strips(const float* __restrict__ aligned, const float* __restrict__ picture,
                          const float* __restrict__ gradient, const float* __restrict__ weight,
                          int count, int rows, int columns, int strips, float* __restrict__ out) {
  const int x = TID_X, strip = TID_Y, k = TID_Z;
  if (x >= columns || strip >= strips || k >= count) return;
  float sums[SUMS];
  for (int i = 0; i < SUMS; i++) sums[i] = 0.0f;
  const float right = (float)x - 0.5f * (float)(columns - 1);
  const int end = (strip + 1) * STRIP < rows ? (strip + 1) * STRIP : rows;
  for (int y = strip * STRIP; y < end; y++) {
    const float down = (float)y - 0.5f * (float)(rows - 1);
    const size_t here = at(0, y, x, rows, columns), there = at(k, y, x, rows, columns);
    const float w = weight[there], gy = gradient[here];
    const float gx = gradient[at(1, y, x, rows, columns)];
    const float ga = gy * right - gx * down;
    const float e = w * (aligned[there] - picture[here]);
    const float wy = w * gy, wx = w * gx, wa = w * ga;
    sums[0] += wy * gy;
    sums[1] += wy * gx;
    sums[2] += wy * ga;
    sums[3] -= wy;
    sums[4] += wx * gx;
    sums[5] += wx * ga;
    sums[6] -= wx;
    sums[7] += wa * ga;
    sums[8] -= wa;
    sums[9] += w;
    sums[10] -= e * gy;
    sums[11] -= e * gx;
    sums[12] -= e * ga;
    sums[13] += e;
  }
  for (int i = 0; i < SUMS; i++) {
    out[at(k * SUMS + i, strip, x, strips, columns)] = sums[i];
  }
}

// Strips (lists, strips, columns) added up in 64 bits: a picture has too many pixels for 32.
GLOBAL void add_strips(const float* __restrict__ sums, int lists, int strips, int columns,
                       double* __restrict__ out) {
  const int x = TID_X, list = TID_Y;
  if (x >= columns || list >= lists || TID_Z > 0) return;
  double total = 0.0;
  for (int strip = 0; strip < strips; strip++) {
    total += (double)sums[at(list, strip, x, strips, columns)];
  }
  out[at(0, list, x, lists, columns)] = total;
}

// Mean over frames of each pixel, in 64 bits because a loop may be long; 0 where no weight is.
GLOBAL void weighted_mean(const float* __restrict__ frames, const float* __restrict__ weight,
                          int count, int rows, int columns, float* __restrict__ out) {
  const int x = TID_X, y = TID_Y;
  if (x >= columns || y >= rows || TID_Z > 0) return;
  double total = 0.0, share = 0.0;
  for (int k = 0; k < count; k++) {
    const size_t i = at(k, y, x, rows, columns);
    total += (double)(frames[i] * weight[i]);
    share += (double)weight[i];
  }
  out[at(0, y, x, rows, columns)] = share > 0.0 ? (float)(total / share) : 0.0f;
}
