// What every kernel leans on: how it is declared, which thread it is, and where a pixel stands.
//
// One thread makes one value; neighbours in x are neighbours in memory, so loads and stores are
// coalesced. There is no shared memory, no atomic and no exchange between threads: results are the
// same on every run, and a host compiler can run the same text thread by thread once it has defined
// GLOBAL, DEVICE, TID_X, TID_Y and TID_Z itself.
//
// Arrays are C-contiguous with the columns last. Grids are rounded up to whole blocks, so every
// kernel begins by leaving the threads that stand outside.

#ifndef GLOBAL
// Blocks of 256 threads (compute/cuda.py), two of them at a time: 128 registers at most.
#define GLOBAL extern "C" __global__ __launch_bounds__(256, 2)
#define DEVICE static __device__ __forceinline__
#define TID_X ((int)(blockIdx.x * blockDim.x + threadIdx.x))
#define TID_Y ((int)(blockIdx.y * blockDim.y + threadIdx.y))
#define TID_Z ((int)(blockIdx.z * blockDim.z + threadIdx.z))
#endif

// The index of a value in an array (layers, rows, columns); a loop may have more than 2^31 pixels.
DEVICE size_t at(int layer, int row, int column, int rows, int columns) {
  return ((size_t)layer * rows + row) * columns + column;
}

DEVICE int clamp(int value, int last) {
  const int low = value < last ? value : last;
  return low > 0 ? low : 0;
}
