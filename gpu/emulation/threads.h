// A grid of threads on one thread of the processor: each is a fibre, which runs until it has to
// wait for others.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace emulation {
typedef void (*Kernel)(void **parameters);

// The kernel of this name, or null.
Kernel kernel(const std::string &name);
// The sizes of its parameters.
std::vector<size_t> parameters(Kernel kernel);

// Runs a kernel on so many rows of so many blocks of so many threads. All blocks take turns, so they can wait
// for one another. Ends the process if threads wait for what never happens.
void launch(Kernel kernel, void **parameters, unsigned rows, unsigned blocks, unsigned threads);

// What a check for races knows of a thread; see `races.cpp`.
struct Place {
    unsigned block, thread;
    // Barriers passed.
    uint64_t of_block, of_grid;
    // The fibre's own stack.
    uintptr_t stack, stack_end;
};
// The running thread, or null outside of a launch.
const Place *place();

// Called at the start of each launch, by a check for races.
extern void (*launched)();
} // namespace emulation
