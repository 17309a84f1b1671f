// Linear filters that know which pixels are open: binning, and separable means under a window.

// One thread per block of factor x factor pixels; rows and columns left over are not looked at.
GLOBAL void bin_frames(const float* __restrict__ frames, const float* __restrict__ field, int factor,
                       int count, int rows, int columns, float* __restrict__ out) {
  const int x = TID_X, y = TID_Y, k = TID_Z;
  const int wide = columns / factor, high = rows / factor;
  if (x >= wide || y >= high || k >= count) return;
  float total = 0.0f, share = 0.0f;
  for (int row = y * factor; row < (y + 1) * factor; row++) {
    for (int column = x * factor; column < (x + 1) * factor; column++) {
      // A closed pixel may hold anything, NaN included.
      if (field[at(0, row, column, rows, columns)] > 0.0f) {
        total += frames[at(k, row, column, rows, columns)];
        share += 1.0f;
      }
    }
  }
  out[at(k, y, x, high, wide)] = share > 0.0f ? total / share : 0.0f;
}

// Sum along a row of frames times weight under 2 * reach + 1 taps; nothing lies outside the picture.
GLOBAL void sum_across(const float* __restrict__ frames, const float* __restrict__ weight,
                       const float* __restrict__ taps, int reach, int count, int rows, int columns,
                       float* __restrict__ out) {
  const int x = TID_X, y = TID_Y, k = TID_Z;
  if (x >= columns || y >= rows || k >= count) return;
  const int low = -reach < -x ? -x : -reach;
  const int high = reach > columns - 1 - x ? columns - 1 - x : reach;
  float total = 0.0f;
  for (int tap = low; tap <= high; tap++) {
    const float w = weight[at(0, y, x + tap, rows, columns)];
    if (w > 0.0f) total += taps[reach + tap] * (frames[at(k, y, x + tap, rows, columns)] * w);
  }
  out[at(k, y, x, rows, columns)] = total;
}

DEVICE float summed_down(const float* across, const float* taps, int reach, int k, int y, int x,
                         int rows, int columns) {
  const int low = -reach < -y ? -y : -reach;
  const int high = reach > rows - 1 - y ? rows - 1 - y : reach;
  float total = 0.0f;
  for (int tap = low; tap <= high; tap++) {
    total += taps[reach + tap] * across[at(k, y + tap, x, rows, columns)];
  }
  return total;
}

// The other half of sum_across, down the columns.
GLOBAL void sum_down(const float* __restrict__ across, const float* __restrict__ taps, int reach,
                     int count, int rows, int columns, float* __restrict__ out) {
  const int x = TID_X, y = TID_Y, k = TID_Z;
  if (x >= columns || y >= rows || k >= count) return;
  out[at(k, y, x, rows, columns)] = summed_down(across, taps, reach, k, y, x, rows, columns);
}

// sum_down over the share (rows, columns) of the window that has data; 0 where that is too little.
GLOBAL void mean_down(const float* __restrict__ across, const float* __restrict__ share,
                      const float* __restrict__ taps, int reach, float least, int count, int rows,
                      int columns, float* __restrict__ out) {
  const int x = TID_X, y = TID_Y, k = TID_Z;
  if (x >= columns || y >= rows || k >= count) return;
  const float part = share[at(0, y, x, rows, columns)];
  const float total = summed_down(across, taps, reach, k, y, x, rows, columns);
  out[at(k, y, x, rows, columns)] = part > least ? total / part : 0.0f;
}

// fine less coarse, in place of fine; 0 outside the field.
GLOBAL void subtract_inside(float* fine, const float* __restrict__ coarse,
                            const float* __restrict__ field, int count, int rows, int columns) {
  const int x = TID_X, y = TID_Y, k = TID_Z;
  if (x >= columns || y >= rows || k >= count) return;
  const size_t i = at(k, y, x, rows, columns);
  fine[i] = field[at(0, y, x, rows, columns)] > 0.0f ? fine[i] - coarse[i] : 0.0f;
}
