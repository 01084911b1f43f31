#include "threads.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>
#include <sys/mman.h>

typedef unsigned int u32;
typedef unsigned long long u64;

// Saves the registers that a call keeps on the running stack, and goes on on another stack.
#if defined(__x86_64__)
extern "C" void reshet_switch(void **from, void *to);
asm(R"(
.text
.globl reshet_switch
.hidden reshet_switch
reshet_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
#else
#include <ucontext.h>
#endif

namespace emulation {
namespace {

const u64 STACK = 64 * 1024;
const u32 WARP = 32;

enum State { READY, AT_BLOCK, AT_WARP, DONE };

struct Fibre {
#if defined(__x86_64__)
    void *at;
#else
    ucontext_t at;
#endif
    State state;
    Place place;
    // What a lane shows the others of its warp.
    u64 shown;
    char *stack;
};

struct Block {
    std::vector<Fibre> fibres;
    std::unique_ptr<u64[]> shared;
    u64 shared_bytes = 0;
};

// The stacks are kept for the next launch.
struct Grid {
    std::vector<std::unique_ptr<Block>> blocks;
    // In a row; blocks are numbered row after row.
    u32 used_blocks = 0, used_rows = 0, used_threads = 0;
    Kernel kernel = nullptr;
    void **parameters = nullptr;
#if defined(__x86_64__)
    void *host = nullptr;
#else
    ucontext_t host;
#endif
};

thread_local Grid grid;
thread_local Fibre *now = nullptr;

void fail(const char *what) {
    fprintf(stderr, "emulated card: %s (block %u, thread %u)\n", what, now ? now->place.block : 0,
            now ? now->place.thread : 0);
    abort();
}

void back_to_host() {
#if defined(__x86_64__)
    reshet_switch(&now->at, grid.host);
#else
    swapcontext(&now->at, &grid.host);
#endif
}

void wait(State state) {
    now->state = state;
    back_to_host();
}

void body() {
    grid.kernel(grid.parameters);
    wait(DONE);
    abort();
}

void prepare(Fibre &fibre, u32 block, u32 thread) {
    if (!fibre.stack) {
        void *stack = mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (stack == MAP_FAILED) fail("no memory for the stacks");
        fibre.stack = (char *)stack;
    }
    fibre.state = READY;
    fibre.place = {block, thread, 0, 0, (uintptr_t)fibre.stack, (uintptr_t)fibre.stack + STACK};
#if defined(__x86_64__)
    // As after a call of `body`: six registers, then where to return.
    u64 *top = (u64 *)(fibre.stack + STACK) - 2;
    *top = (u64)body;
    fibre.at = top - 6;
#else
    getcontext(&fibre.at);
    fibre.at.uc_stack.ss_sp = fibre.stack;
    fibre.at.uc_stack.ss_size = STACK;
    fibre.at.uc_link = nullptr;
    makecontext(&fibre.at, body, 0);
#endif
}

void run(Fibre &fibre) {
    now = &fibre;
#if defined(__x86_64__)
    reshet_switch(&grid.host, fibre.at);
#else
    swapcontext(&grid.host, &fibre.at);
#endif
    now = nullptr;
}

// Lets the waiting threads from `first` to `end` go on if all of them wait for the same.
bool release(Block &block, u32 first, u32 end, State waiting) {
    for (u32 i = first; i < end; ++i) {
        if (block.fibres[i].state != waiting) return false;
    }
    for (u32 i = first; i < end; ++i) {
        block.fibres[i].state = READY;
        if (waiting == AT_BLOCK) ++block.fibres[i].place.of_block;
    }
    return true;
}

// Runs each thread of a block until it waits. False if none could.
bool turn(Block &block) {
    u32 threads = grid.used_threads;
    bool ran = false;
    for (u32 i = 0; i < threads; ++i) {
        Fibre &fibre = block.fibres[i];
        if (fibre.state != READY) continue;
        run(fibre);
        ran = true;
    }
    for (u32 first = 0; first < threads; first += WARP) {
        release(block, first, first + WARP < threads ? first + WARP : threads, AT_WARP);
    }
    release(block, 0, threads, AT_BLOCK);
    return ran;
}

bool done(const Block &block) {
    for (u32 i = 0; i < grid.used_threads; ++i) {
        if (block.fibres[i].state != DONE) return false;
    }
    return true;
}

} // namespace

void (*launched)() = nullptr;

void launch(Kernel kernel, void **parameters, unsigned rows, unsigned in_row, unsigned threads) {
    u32 blocks = rows * in_row;
    grid.kernel = kernel;
    grid.parameters = parameters;
    grid.used_blocks = in_row;
    grid.used_rows = rows;
    grid.used_threads = threads;
    while (grid.blocks.size() < blocks) grid.blocks.emplace_back(new Block);
    for (u32 b = 0; b < blocks; ++b) {
        Block &block = *grid.blocks[b];
        if (block.fibres.size() < threads) block.fibres.resize(threads);
        for (u32 t = 0; t < threads; ++t) prepare(block.fibres[t], b, t);
        // What a launch before left in shared memory is not there.
        for (u64 i = 0; i < block.shared_bytes / 8; ++i) block.shared[i] = ~0ull;
    }
    if (launched) launched();
    for (bool all = false; !all;) {
        all = true;
        bool ran = false;
        for (u32 b = 0; b < blocks; ++b) {
            if (done(*grid.blocks[b])) continue;
            ran |= turn(*grid.blocks[b]);
            all = false;
        }
        if (!all && !ran) fail("threads wait at a barrier that others never reach");
    }
}

const Place *place() { return now ? &now->place : nullptr; }

u32 thread() { return now->place.thread; }
u32 block() { return now->place.block % grid.used_blocks; }
u32 blocks() { return grid.used_blocks; }
u32 grid_row() { return now->place.block / grid.used_blocks; }
u32 grid_rows() { return grid.used_rows; }

void *shared(u64 bytes) {
    Block &block = *grid.blocks[now->place.block];
    if (block.shared_bytes < bytes) {
        block.shared_bytes = (bytes + 7) / 8 * 8;
        block.shared.reset(new u64[block.shared_bytes / 8]);
        for (u64 i = 0; i < block.shared_bytes / 8; ++i) block.shared[i] = ~0ull;
    }
    return block.shared.get();
}

void block_sync() { wait(AT_BLOCK); }
void pause() { wait(READY); }
void grid_synced() { ++now->place.of_grid; }

u64 across(u64 bits, u32 lanes) {
    now->shown = bits;
    wait(AT_WARP);
    Fibre &other = grid.blocks[now->place.block]->fibres[now->place.thread ^ lanes];
    u64 theirs = other.shown;
    // Nobody shows the next value before all have read this one.
    wait(AT_WARP);
    return theirs;
}

void show(const void *what) {
    now->shown = (u64)what;
    wait(AT_WARP);
}

const void *shown(u32 lane) {
    u32 first = now->place.thread / WARP * WARP;
    return (const void *)grid.blocks[now->place.block]->fibres[first + lane].shown;
}

// Nobody goes on before all have read what they were shown.
void all_seen() { wait(AT_WARP); }

u32 atomic_add(u32 *at, u32 n) {
    u32 before = *at;
    *at += n;
    return before;
}

void atomic_store(u32 *at, u32 n) { *at = n; }
u32 atomic_load(u32 *at) { return *at; }

} // namespace emulation
