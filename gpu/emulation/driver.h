// What the emulated libraries have in common: the card, and what it has been told.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace emulation {
// What RESHET_EMULATION says of a fault: "" if it is not there, "yes" if it has no value.
std::string option(const char *name);
uint64_t number(const char *name, uint64_t otherwise);

// Whether the card is still there, for a copy or a launch, which is counted.
bool works_on();

// Has something done when a stream has come so far.
void later(void *stream, std::function<void()> one);

// Whether there is such a stream.
bool is_stream(void *stream);

// Whether all these bytes are of one memory of the card.
bool is_inside(uint64_t at, uint64_t bytes);
} // namespace emulation
