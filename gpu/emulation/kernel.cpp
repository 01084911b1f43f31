// The kernel, compiled for the processor: the very source that a card runs.
#define RESHET_EMULATION
#include <cmath>
#include "reshet.cu"
#include "threads.h"

namespace emulation {
Kernel kernel(const std::string &name) {
    if (name == "reshet_steps") return [](void **parameters) { reshet_steps(*(const Job *)parameters[0]); };
    return nullptr;
}
} // namespace emulation
