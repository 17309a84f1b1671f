// Frames seen finer, coarser or moved, by straight lines between their pixels.

// The value at a row, between two columns; 0 outside the picture.
DEVICE float sampled_across(const float* frames, int k, int row, int first, float share, int rows,
                            int columns) {
  if (row < 0 || row >= rows) return 0.0f;
  const bool left = first >= 0 && first < columns, right = first >= -1 && first + 1 < columns;
  const float near_ = left ? frames[at(k, row, first, rows, columns)] : 0.0f;
  const float far_ = right ? frames[at(k, row, first + 1, rows, columns)] : 0.0f;
  return near_ + share * (far_ - near_);
}

// One thread per value of out (count, high, wide): `down` (count, high) and `right` (count, wide)
// are the first of two samples, the shares those of the second. One frame may stand for all.
GLOBAL void sample(const float* __restrict__ frames, const int* __restrict__ down,
                   const float* __restrict__ down_share, const int* __restrict__ right,
                   const float* __restrict__ right_share, int given, int rows, int columns,
                   int count, int high, int wide, float* __restrict__ out) {
  const int x = TID_X, y = TID_Y, k = TID_Z;
  if (x >= wide || y >= high || k >= count) return;
  const int frame = given > 1 ? k : 0, row = down[at(0, k, y, count, high)];
  const size_t across = at(0, k, x, count, wide);
  const int first = right[across];
  const float share = right_share[across];
  const float upper = sampled_across(frames, frame, row, first, share, rows, columns);
  const float lower = sampled_across(frames, frame, row + 1, first, share, rows, columns);
  out[at(k, y, x, high, wide)] = upper + down_share[at(0, k, y, count, high)] * (lower - upper);
}
