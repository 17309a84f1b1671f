// Stored values turned into the log of beam intensity, binned on the way.

template <class Stored>
DEVICE void binned_ln(const Stored* stored, const float* beam, int first_stored, int entries,
                      int factor, int rows, int columns, float* out) {
  const int x = TID_X, y = TID_Y;
  const int wide = columns / factor, high = rows / factor;
  if (x >= wide || y >= high || TID_Z > 0) return;
  float total = 0.0f;
  for (int row = y * factor; row < (y + 1) * factor; row++) {
    for (int column = x * factor; column < (x + 1) * factor; column++) {
      const int value = (int)stored[at(0, row, column, rows, columns)];
      total += beam[clamp(value - first_stored, entries - 1)];
    }
  }
  out[at(0, y, x, high, wide)] = logf(total / (float)(factor * factor));
}

// One thread per block of factor x factor pixels of one frame; beam (entries) begins at first_stored.
GLOBAL void binned_ln_uint8(const unsigned char* __restrict__ stored, const float* __restrict__ beam,
                            int first_stored, int entries, int factor, int rows, int columns,
                            float* __restrict__ out) {
  binned_ln(stored, beam, first_stored, entries, factor, rows, columns, out);
}

GLOBAL void binned_ln_uint16(const unsigned short* __restrict__ stored,
                             const float* __restrict__ beam, int first_stored, int entries,
                             int factor, int rows, int columns, float* __restrict__ out) {
  binned_ln(stored, beam, first_stored, entries, factor, rows, columns, out);
}

GLOBAL void binned_ln_int16(const short* __restrict__ stored, const float* __restrict__ beam,
                            int first_stored, int entries, int factor, int rows, int columns,
                            float* __restrict__ out) {
  binned_ln(stored, beam, first_stored, entries, factor, rows, columns, out);
}
