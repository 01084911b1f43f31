// The kernel, compiled for the processor: the very source that a card runs.
#define RESHET_EMULATION
#include <cmath>
#include "reshet.cu"
#include "threads.h"

namespace emulation {
Kernel kernel(const std::string &name) {
    if (name == "reshet_steps") return [](void **parameters) { reshet_steps(*(const Job *)parameters[0]); };
    if (name == "reshet_members") {
        return [](void **parameters) { reshet_members(*(const Job **)parameters[0], *(u32 *)parameters[1]); };
    }
    return nullptr;
}
} // namespace emulation
