// A small rigid motion as two shears: along the columns, then along the rows; edges are repeated.

#define SAMPLES 6  // compute/taps.py: TAPS

// start (count, columns) is the first sample's row less the output row; taps (count, 6, columns).
GLOBAL void shear_down(const float* __restrict__ frames, const int* __restrict__ start,
                       const float* __restrict__ taps, int count, int rows, int columns,
                       float* __restrict__ out) {
  const int x = TID_X, y = TID_Y, k = TID_Z;
  if (x >= columns || y >= rows || k >= count) return;
  const int first = y + start[at(0, k, x, count, columns)];
  float total = 0.0f;
  for (int tap = 0; tap < SAMPLES; tap++) {
    const int row = clamp(first + tap, rows - 1);
    total += taps[at(k, tap, x, SAMPLES, columns)] * frames[at(k, row, x, rows, columns)];
  }
  out[at(k, y, x, rows, columns)] = total;
}

// start (count, rows) is the first sample's column less the output column; taps (count, 6, rows).
GLOBAL void shear_across(const float* __restrict__ frames, const int* __restrict__ start,
                         const float* __restrict__ taps, int count, int rows, int columns,
                         float* __restrict__ out) {
  const int x = TID_X, y = TID_Y, k = TID_Z;
  if (x >= columns || y >= rows || k >= count) return;
  const int first = x + start[at(0, k, y, count, rows)];
  float total = 0.0f;
  for (int tap = 0; tap < SAMPLES; tap++) {
    const int column = clamp(first + tap, columns - 1);
    total += taps[at(k, tap, y, SAMPLES, rows)] * frames[at(k, y, column, rows, columns)];
  }
  out[at(k, y, x, rows, columns)] = total;
}
