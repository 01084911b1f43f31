// The kernel, compiled for the processor: the very source that a card runs.
#define RESHET_EMULATION
#include <cmath>
#include "reshet.cu"
#include "threads.h"

namespace emulation {
namespace {
void steps(void **parameters) { reshet_steps(*(const Job *)parameters[0]); }
void members(void **parameters) { reshet_members(*(const Job **)parameters[0], *(u32 *)parameters[1]); }
} // namespace

Kernel kernel(const std::string &name) {
    if (name == "reshet_steps") return steps;
    if (name == "reshet_members") return members;
    return nullptr;
}

std::vector<size_t> parameters(Kernel kernel) {
    if (kernel == steps) return {sizeof(Job)};
    return {sizeof(const Job *), sizeof(u32)};
}
} // namespace emulation
