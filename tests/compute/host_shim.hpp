// Runs the CUDA kernels on the host, thread by thread over a grid rounded up to whole blocks, so the
// guards at the edges run too. The kernels' text and one EXPORT(name) for each come after this.
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

static thread_local int tid[3];
#define GLOBAL static
#define DEVICE static inline
#define TID_X (tid[0])
#define TID_Y (tid[1])
#define TID_Z (tid[2])

template <class... A, std::size_t... I>
static void over_grid(void (*kernel)(A...), void** given, const int* threads, std::index_sequence<I...>) {
  for (tid[2] = 0; tid[2] < threads[2]; tid[2]++)
    for (tid[1] = 0; tid[1] < threads[1]; tid[1]++)
      for (tid[0] = 0; tid[0] < threads[0]; tid[0]++)
        kernel(*static_cast<std::remove_const_t<A>*>(given[I])...);
}

// The arguments come as a launch takes them: a list of where each one stands.
template <class... A>
static void over_grid(void (*kernel)(A...), void** given, const int* threads) {
  over_grid(kernel, given, threads, std::index_sequence_for<A...>());
}

#define EXPORT(name) \
  extern "C" void host_##name(void** given, const int* threads) { over_grid(name, given, threads); }
