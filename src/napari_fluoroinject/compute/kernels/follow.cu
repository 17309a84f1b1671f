// Kinetics of every pixel, read off as frames go by; what is known of a pixel lies in planes.
//
// What a pixel's curve does is defined in compute/backend.py (curve_maps). Products that go into a
// sum are written as fmaf: every compiler then rounds alike, and what comes out does not depend on
// how many frames are handed over at once.

#define PLANES 9       // of the state, in the order of struct Curve
#define NEAR 4         // samples along rows and along columns (compute/taps.py: CURVE_TAPS)
#define EACH 5         // pixels of a thread, one below another: rows that are looked up are shared
#define WORD 32        // frames of a word of flags
#define COUNTED 256    // rows of one count of flags
#define NEVER -1e30f   // has not happened; what is above SEEN has
#define SEEN -0.5e30f

struct Curve {
  float earlier, latest;         // opacity of the frame before the last, and of the last
  float value;                   // smoothed, of the frame before the last
  float peak, peak_time;
  float candidate, arrival;      // when contrast may have arrived, and when it has
  float area, moment;            // since the candidate
};

// What is told of a frame: 16 numbers of 32 bits, the last two unused.
struct alignas(16) Step {
  float down, right;             // whole pixels to the upper left of those that are sampled
  float row[NEAR], column[NEAR];  // their shares
  float offset;                  // opacity to take off
  float before, time, weight;    // time of the frame two before; time and weight of the one before
  float unused[2];
};

DEVICE Curve begun(float opacity) {
  return {opacity, opacity, NEVER, NEVER, NEVER, NEVER, NEVER, 0.0f, 0.0f};
}

DEVICE Curve load(const float* state, size_t pixel, size_t plane) {
  const float* at = state + pixel;
  return {at[0],         at[plane],     at[2 * plane], at[3 * plane], at[4 * plane],
          at[5 * plane], at[6 * plane], at[7 * plane], at[8 * plane]};
}

DEVICE void store(const Curve& curve, float* state, size_t pixel, size_t plane) {
  float* at = state + pixel;
  at[0] = curve.earlier;
  at[plane] = curve.latest;
  at[2 * plane] = curve.value;
  at[3 * plane] = curve.peak;
  at[4 * plane] = curve.peak_time;
  at[5 * plane] = curve.candidate;
  at[6 * plane] = curve.arrival;
  at[7 * plane] = curve.area;
  at[8 * plane] = curve.moment;
}

// Notes a crossing of the threshold, confirms it one frame later, and adds up what comes after.
DEVICE void arrive(Curve& curve, float last, const Step& step, float threshold) {
  const float value = curve.value;
  if (curve.arrival <= SEEN) {
    if (last >= threshold) {
      curve.arrival = curve.candidate;
    } else {
      // One before it was not confirmed and is void.
      const float part = (threshold - last) / (value - last);
      curve.candidate = fmaf(part, step.time - step.before, step.before);
      curve.area = curve.moment = 0.0f;
    }
  }
  const float part = step.weight * (value > 0.0f ? value : 0.0f);
  curve.area += part;
  curve.moment = fmaf(part, step.time - curve.candidate, curve.moment);
}

// Takes the opacity of a frame, which settles the value of the frame before; true where that is
// above the threshold.
DEVICE bool advance(Curve& curve, float opacity, const Step& step, float threshold) {
  const float last = curve.value;
  const float value = fmaf(0.5f, curve.latest, 0.25f * (curve.earlier + opacity));
  const bool above = value >= threshold, higher = value > curve.peak;
  curve.earlier = curve.latest;
  curve.latest = opacity;
  curve.value = value;
  curve.peak = higher ? value : curve.peak;
  curve.peak_time = higher ? step.time : curve.peak_time;
  if (above || curve.arrival > SEEN) arrive(curve, last, step, threshold);
  return above;
}

// One frame's opacity in EACH pixels below one another; `lowest` is the smallest number of the
// stored type. A frame has fewer than 2^31 pixels.
template <class Stored>
DEVICE void opacities(const Stored* frame, const float* table, int lowest, const Step& step,
                      const float* mask, int y, int x, int rows, int columns, float* opacity) {
  const int first = y + (int)step.down, column = x + (int)step.right;
  float ln[EACH] = {};
#pragma unroll
  for (int i = 0; i < EACH + NEAR - 1; i++) {
    const unsigned int row = (unsigned int)(clamp(first + i, rows - 1) * columns);
    float across = 0.0f;
#pragma unroll
    for (int j = 0; j < NEAR; j++) {
      const Stored value = frame[row + clamp(column + j, columns - 1)];
      across = fmaf(step.column[j], table[(int)value - lowest], across);
    }
#pragma unroll
    for (int j = 0; j < NEAR; j++) {
      if (i >= j && i - j < EACH) ln[i - j] = fmaf(step.row[j], across, ln[i - j]);
    }
  }
#pragma unroll
  for (int i = 0; i < EACH; i++) opacity[i] = mask[i] - ln[i] - step.offset;
}

// A thread follows EACH pixels through `count` frames; TID_Y counts groups of so many rows.
// steps (count, 16); `before` frames were followed already, and state (PLANES, rows, columns) is not
// read where there were none. above (words, rows, columns): the flags of WORD frames each, bit
// k % WORD of word k / WORD for the frame before frame k.
template <class Stored>
DEVICE void follow(const Stored* stored, const float* table, int lowest, const float* mask,
                   const float* steps, float threshold, int before, int count, int rows,
                   int columns, float* state, unsigned int* above) {
  const int x = TID_X, y = TID_Y * EACH;
  if (x >= columns || y >= rows || TID_Z > 0) return;
  const size_t plane = (size_t)rows * columns;
  const Step* step = (const Step*)steps;
  Curve curve[EACH];
  float masked[EACH], opacity[EACH];
#pragma unroll
  for (int i = 0; i < EACH; i++) masked[i] = mask[at(0, clamp(y + i, rows - 1), x, rows, columns)];
  if (before == 0) {
    opacities(stored, table, lowest, step[0], masked, y, x, rows, columns, opacity);
#pragma unroll
    for (int i = 0; i < EACH; i++) curve[i] = begun(opacity[i]);
  } else {
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      curve[i] = load(state, at(0, clamp(y + i, rows - 1), x, rows, columns), plane);
    }
  }
  int k = before == 0 ? 1 : 0;
  const Stored* frame = stored + k * plane;
  for (int first = 0; first < count; first += WORD) {
    unsigned int flags[EACH] = {};
    const int end = first + WORD < count ? first + WORD : count;
    for (; k < end; k++, frame += plane) {
      const Step here = step[k];
      opacities(frame, table, lowest, here, masked, y, x, rows, columns, opacity);
      const unsigned int flag = 1u << (k - first);
#pragma unroll
      for (int i = 0; i < EACH; i++) {
        if (advance(curve[i], opacity[i], here, threshold)) flags[i] |= flag;
      }
    }
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      if (y + i < rows) above[at(first / WORD, y + i, x, rows, columns)] = flags[i];
    }
  }
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    if (y + i < rows) store(curve[i], state, at(0, y + i, x, rows, columns), plane);
  }
}

// table: natural log of the beam at every number of the stored type, the smallest first.
GLOBAL void follow_uint8(const unsigned char* __restrict__ stored, const float* __restrict__ table,
                         const float* __restrict__ mask, const float* __restrict__ steps,
                         float threshold, int before, int count, int rows, int columns,
                         float* __restrict__ state, unsigned int* __restrict__ above) {
  follow(stored, table, 0, mask, steps, threshold, before, count, rows, columns, state, above);
}

GLOBAL void follow_uint16(const unsigned short* __restrict__ stored, const float* __restrict__ table,
                          const float* __restrict__ mask, const float* __restrict__ steps,
                           float threshold, int before, int count, int rows, int columns,
                          float* __restrict__ state, unsigned int* __restrict__ above) {
  follow(stored, table, 0, mask, steps, threshold, before, count, rows, columns, state, above);
}

GLOBAL void follow_int16(const short* __restrict__ stored, const float* __restrict__ table,
                         const float* __restrict__ mask, const float* __restrict__ steps,
                         float threshold, int before, int count, int rows, int columns,
                         float* __restrict__ state, unsigned int* __restrict__ above) {
  follow(stored, table, -32768, mask, steps, threshold, before, count, rows, columns, state,
         above);
}

// The maps (7, rows, columns) of the frames so far, and the flags (rows, columns) of the last one in
// bit 0: the frame after it is like it. step (16) as above. What is known stays as it is.
GLOBAL void read_curves(const float* __restrict__ state, const float* __restrict__ step,
                        float threshold, int rows, int columns, float* __restrict__ maps,
                        unsigned int* __restrict__ above) {
  const int x = TID_X, y = TID_Y;
  if (x >= columns || y >= rows || TID_Z > 0) return;
  const size_t plane = (size_t)rows * columns, pixel = at(0, y, x, rows, columns);
  Curve curve = load(state, pixel, plane);
  const Step last = *(const Step*)step;
  above[pixel] = advance(curve, curve.latest, last, threshold) ? 1u : 0u;
  const float nothing = nanf("");
  const bool arrived = curve.arrival > SEEN;
  const float left = last.time - curve.peak_time;
  const bool fading = arrived && left > 0.0f && curve.peak > 0.0f;
  maps[pixel] = curve.peak > SEEN ? curve.peak : nothing;
  maps[plane + pixel] = arrived ? curve.peak_time : nothing;
  maps[2 * plane + pixel] = arrived ? curve.arrival : nothing;
  maps[3 * plane + pixel] = arrived ? curve.area : nothing;
  maps[4 * plane + pixel] = arrived && curve.area > 0.0f ? curve.moment / curve.area : nothing;
  maps[5 * plane + pixel] = fading ? (1.0f - curve.value / curve.peak) / left : nothing;
  maps[6 * plane + pixel] = curve.value;
}

// How many flags of each frame are set in COUNTED rows of one column; out (words * WORD, strips,
// columns). Small whole numbers: exact in 32 bits, and add_strips adds them up.
GLOBAL void count_above(const unsigned int* __restrict__ above, int words, int rows, int columns,
                        int strips, float* __restrict__ out) {
  const int x = TID_X, strip = TID_Y, word = TID_Z;
  if (x >= columns || strip >= strips || word >= words) return;
  int count[WORD] = {};
  const int end = (strip + 1) * COUNTED < rows ? (strip + 1) * COUNTED : rows;
  for (int y = strip * COUNTED; y < end; y++) {
    const unsigned int flags = above[at(word, y, x, rows, columns)];
#pragma unroll
    for (int bit = 0; bit < WORD; bit++) count[bit] += (int)(flags >> bit & 1u);
  }
#pragma unroll
  for (int bit = 0; bit < WORD; bit++) {
    out[at(word * WORD + bit, strip, x, strips, columns)] = (float)count[bit];
  }
}
