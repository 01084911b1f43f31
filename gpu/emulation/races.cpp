// A check for races: each access of the kernel to memory is compared with those before it.
//
// The kernel is compiled with the compiler's calls for a thread sanitizer, which are these here.
// Two accesses of one number, one of them a write, need a barrier between them: the block's, if
// both threads are of one block, or the grid's. Shuffles order nothing.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <unordered_map>
#include "threads.h"

namespace {

// The last accesses of one word of four bytes.
struct Access {
    unsigned block = 0, thread = 0;
    uint64_t of_block = 0, of_grid = 0;
    bool any = false;
    // By more than one thread of that block, or of several blocks, since the last barrier.
    bool threads = false, blocks = false;
};

struct Word {
    Access read, write;
};

thread_local std::unordered_map<uint64_t, Word> words;

bool races(const Access &before, const emulation::Place &now) {
    if (!before.any || before.of_grid != now.of_grid) return false;
    if (before.blocks || before.block != now.block) return true;
    if (before.of_block != now.of_block) return false;
    return before.threads || before.thread != now.thread;
}

void keep(Access &access, const emulation::Place &now) {
    bool with = access.any && access.of_grid == now.of_grid;
    bool blocks = with && (access.blocks || access.block != now.block);
    bool same = with && access.block == now.block && access.of_block == now.of_block;
    bool threads = same && (access.threads || access.thread != now.thread);
    access = {now.block, now.thread, now.of_block, now.of_grid, true, threads, blocks};
}

void tell(const char *what, uint64_t address, const Access &before, const emulation::Place &now) {
    fprintf(stderr, "race: %s of %#llx by block %u, thread %u, after block %u, thread %u, without a barrier\n",
            what, (unsigned long long)address, now.block, now.thread, before.block, before.thread);
    abort();
}

void access(const void *at, uint64_t bytes, bool writes) {
    const emulation::Place *now = emulation::place();
    uint64_t address = (uint64_t)at;
    if (!now || (address >= now->stack && address < now->stack_end)) return;
    for (uint64_t word = address / 4; word <= (address + bytes - 1) / 4; ++word) {
        Word &known = words[word];
        if (races(known.write, *now)) tell(writes ? "write after write" : "read after write", address, known.write, *now);
        if (writes && races(known.read, *now)) tell("write after read", address, known.read, *now);
        keep(writes ? known.write : known.read, *now);
    }
}

void forget() { words.clear(); }

struct Start {
    Start() { emulation::launched = forget; }
} start;

} // namespace

#define HOOK(bytes)                                                                                  \
    extern "C" void __tsan_read##bytes(void *at) { access(at, bytes, false); }                       \
    extern "C" void __tsan_write##bytes(void *at) { access(at, bytes, true); }                       \
    extern "C" void __tsan_unaligned_read##bytes(void *at) { access(at, bytes, false); }             \
    extern "C" void __tsan_unaligned_write##bytes(void *at) { access(at, bytes, true); }
HOOK(1)
HOOK(2)
HOOK(4)
HOOK(8)
HOOK(16)

extern "C" void __tsan_read_range(void *at, unsigned long bytes) { access(at, bytes, false); }
extern "C" void __tsan_write_range(void *at, unsigned long bytes) { access(at, bytes, true); }
extern "C" void __tsan_func_entry(void *) {}
extern "C" void __tsan_func_exit() {}
extern "C" void __tsan_init() {}
extern "C" void __tsan_vptr_read(void *) {}
extern "C" void __tsan_vptr_update(void *, void *) {}
