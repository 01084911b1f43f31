// The functions of a CUDA driver that reshet uses, on the processor. What is asynchronous on a
// card is done as late as a card may do it: when somebody waits for it.
//
// RESHET_EMULATION lists faults, separated by commas:
//   no-device       there is no card
//   driver=11040    the driver's version
//   capability=61   the card's compute capability, 6.1; 8.0 if not said
//   memory=BYTES    the card's memory
//   allocation=N    the N-th allocation fails, counted from 1
//   compiler=KIND   the kernel is not compiled: KIND says why: log, long (a long text), missing
//   vanish=N        the N-th copy or launch and every call after it fail
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>
#include <sys/mman.h>
#include "driver.h"
#include "threads.h"

namespace {

enum Status {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_PTX = 218,
    JIT_COMPILER_NOT_FOUND = 221,
    NOT_FOUND = 500,
    TOO_LARGE = 720,
    UNKNOWN = 999,
};

const uint64_t PAGE = 4096;
// Of one block each.
const unsigned MULTIPROCESSORS = 3;

struct Card {
    std::mutex lock;
    uint64_t memory = 1ull << 32, used = 0;
    uint64_t allocations = 0, works = 0;
    std::map<uint64_t, uint64_t> sizes;
    bool gone = false;

    std::string option(const char *name) {
        const char *all = getenv("RESHET_EMULATION");
        std::string list = all ? all : "", wanted = name;
        for (size_t at = 0; at <= list.size();) {
            size_t end = list.find(',', at);
            if (end == std::string::npos) end = list.size();
            std::string one = list.substr(at, end - at);
            if (one == wanted) return "yes";
            if (one.rfind(wanted + "=", 0) == 0) return one.substr(wanted.size() + 1);
            at = end + 1;
        }
        return "";
    }

    uint64_t number(const char *name, uint64_t otherwise) {
        std::string text = option(name);
        return text.empty() ? otherwise : strtoull(text.c_str(), nullptr, 10);
    }

    // Whether the card is still there, for a copy or a launch.
    bool works_on() {
        std::lock_guard<std::mutex> held(lock);
        if (++works >= number("vanish", UINT64_MAX)) gone = true;
        return !gone;
    }
} card;

// What a stream has been told and has not done yet.
struct Stream {
    std::recursive_mutex lock;
    std::deque<std::function<void()>> work;
    // Of all that it was ever told.
    uint64_t told = 0, done = 0;

    void later(std::function<void()> one) {
        std::lock_guard<std::recursive_mutex> held(lock);
        work.push_back(std::move(one));
        ++told;
    }

    // Does all up to that number.
    void catch_up(uint64_t until) {
        std::lock_guard<std::recursive_mutex> held(lock);
        while (done < until && !work.empty()) {
            work.front()();
            work.pop_front();
            ++done;
        }
    }
};

struct Streams {
    std::mutex lock;
    std::set<std::shared_ptr<Stream>> all;

    void catch_up() {
        std::set<std::shared_ptr<Stream>> now;
        {
            std::lock_guard<std::mutex> held(lock);
            now = all;
        }
        for (auto &stream : now) stream->catch_up(UINT64_MAX);
    }

    void later(void *stream, std::function<void()> one) {
        if (stream) return ((Stream *)stream)->later(std::move(one));
        // The stream that waits for all others, and they for it.
        catch_up();
        one();
    }
} streams;

struct Event {
    Stream *stream = nullptr;
    uint64_t until = 0;
};

// The bytes end where a page ends that nobody may touch: going past them is a fault.
uint64_t reserve(uint64_t bytes) {
    uint64_t pages = (bytes + PAGE - 1) / PAGE * PAGE;
    void *start = mmap(nullptr, pages + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return 0;
    mprotect((char *)start + pages, PAGE, PROT_NONE);
    // What nobody has written is NaN, not 0.
    memset(start, 0xFF, pages);
    return (uint64_t)start + pages - (bytes + 15) / 16 * 16;
}

int memory_call() { return card.gone ? UNKNOWN : SUCCESS; }

} // namespace

namespace emulation {
std::string option(const char *name) { return card.option(name); }
uint64_t number(const char *name, uint64_t otherwise) { return card.number(name, otherwise); }
bool works_on() { return card.works_on(); }
void later(void *stream, std::function<void()> one) { streams.later(stream, std::move(one)); }

bool is_stream(void *stream) {
    std::lock_guard<std::mutex> held(streams.lock);
    for (auto &one : streams.all) {
        if (one.get() == stream) return true;
    }
    return false;
}

bool is_inside(uint64_t at, uint64_t bytes) {
    std::lock_guard<std::mutex> held(card.lock);
    auto after = card.sizes.upper_bound(at);
    if (after == card.sizes.begin()) return false;
    --after;
    return at + bytes <= after->first + after->second;
}
} // namespace emulation

EXPORT int cuInit(unsigned) { return card.option("no-device").empty() ? SUCCESS : NO_DEVICE; }

EXPORT int cuDriverGetVersion(int *version) {
    *version = card.number("driver", 12000);
    return SUCCESS;
}

EXPORT int cuDeviceGetCount(int *count) {
    *count = 1;
    return SUCCESS;
}

EXPORT int cuDeviceGet(int *device, int ordinal) {
    *device = ordinal;
    return ordinal == 0 ? SUCCESS : INVALID_DEVICE;
}

EXPORT int cuDeviceGetName(char *name, int length, int) {
    strncpy(name, "emulated card", length);
    return SUCCESS;
}

EXPORT int cuDeviceGetAttribute(int *value, int attribute, int) {
    uint64_t capability = card.number("capability", 80);
    switch (attribute) {
    case 16: *value = MULTIPROCESSORS; break;
    case 75: *value = capability / 10; break;
    case 76: *value = capability % 10; break;
    case 95: *value = 1; break; // cooperative launches
    default: return INVALID_VALUE;
    }
    return SUCCESS;
}

EXPORT int cuDevicePrimaryCtxRetain(void **context, int) {
    *context = &card;
    return SUCCESS;
}

EXPORT int cuCtxSetCurrent(void *) { return memory_call(); }

EXPORT int cuMemGetInfo_v2(size_t *available, size_t *total) {
    std::lock_guard<std::mutex> held(card.lock);
    *total = card.number("memory", card.memory);
    *available = *total - card.used;
    return memory_call();
}

EXPORT int cuMemAlloc_v2(uint64_t *at, size_t bytes) {
    std::lock_guard<std::mutex> held(card.lock);
    if (card.gone) return UNKNOWN;
    if (bytes == 0) return INVALID_VALUE;
    bool fails = ++card.allocations == card.number("allocation", UINT64_MAX);
    if (fails || card.used + bytes > card.number("memory", card.memory)) return OUT_OF_MEMORY;
    *at = reserve(bytes);
    if (!*at) return OUT_OF_MEMORY;
    card.used += bytes;
    card.sizes[*at] = bytes;
    return SUCCESS;
}

EXPORT int cuMemFree_v2(uint64_t at) {
    streams.catch_up();
    std::lock_guard<std::mutex> held(card.lock);
    auto found = card.sizes.find(at);
    if (found == card.sizes.end()) return INVALID_VALUE;
    uint64_t start = at / PAGE * PAGE, end = (at + found->second + PAGE - 1) / PAGE * PAGE;
    munmap((void *)start, end + PAGE - start);
    card.used -= found->second;
    card.sizes.erase(found);
    return memory_call();
}

EXPORT int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
    if (!card.works_on()) return UNKNOWN;
    streams.catch_up();
    memcpy((void *)to, from, bytes);
    return SUCCESS;
}

EXPORT int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
    if (!card.works_on()) return UNKNOWN;
    streams.later(stream, [=] { memcpy((void *)to, from, bytes); });
    return SUCCESS;
}

EXPORT int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
    if (!card.works_on()) return UNKNOWN;
    streams.later(stream, [=] { memcpy(to, (const void *)from, bytes); });
    return SUCCESS;
}

EXPORT int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *stream) {
    if (!card.works_on()) return UNKNOWN;
    streams.later(stream, [=] { memmove((void *)to, (const void *)from, bytes); });
    return SUCCESS;
}

EXPORT int cuMemsetD8Async(uint64_t at, unsigned char byte, size_t bytes, void *stream) {
    if (!card.works_on()) return UNKNOWN;
    streams.later(stream, [=] { memset((void *)at, byte, bytes); });
    return SUCCESS;
}

// Page-locked memory of the machine: NaN at first, as the card's.
EXPORT int cuMemAllocHost_v2(void **at, size_t bytes) {
    std::lock_guard<std::mutex> held(card.lock);
    if (card.gone) return UNKNOWN;
    if (++card.allocations == card.number("allocation", UINT64_MAX)) return OUT_OF_MEMORY;
    *at = malloc(bytes);
    if (!*at) return OUT_OF_MEMORY;
    memset(*at, 0xFF, bytes);
    return SUCCESS;
}

EXPORT int cuMemFreeHost(void *at) {
    free(at);
    return memory_call();
}

EXPORT int cuCtxSynchronize() {
    streams.catch_up();
    return memory_call();
}

EXPORT int cuStreamCreate(void **stream, unsigned) {
    auto made = std::make_shared<Stream>();
    std::lock_guard<std::mutex> held(streams.lock);
    streams.all.insert(made);
    *stream = made.get();
    return memory_call();
}

EXPORT int cuStreamDestroy_v2(void *stream) {
    ((Stream *)stream)->catch_up(UINT64_MAX);
    std::lock_guard<std::mutex> held(streams.lock);
    for (auto one = streams.all.begin(); one != streams.all.end(); ++one) {
        if (one->get() == stream) {
            streams.all.erase(one);
            break;
        }
    }
    return memory_call();
}

EXPORT int cuStreamSynchronize(void *stream) {
    if (stream) {
        ((Stream *)stream)->catch_up(UINT64_MAX);
    } else {
        streams.catch_up();
    }
    return memory_call();
}

EXPORT int cuEventCreate(void **event, unsigned) {
    *event = new Event;
    return memory_call();
}

EXPORT int cuEventDestroy_v2(void *event) {
    delete (Event *)event;
    return memory_call();
}

EXPORT int cuEventRecord(void *event, void *stream) {
    Stream *of = (Stream *)stream;
    *(Event *)event = {of, of ? of->told : 0};
    return memory_call();
}

EXPORT int cuEventSynchronize(void *event) {
    Event &of = *(Event *)event;
    if (of.stream) of.stream->catch_up(of.until);
    return memory_call();
}

EXPORT int cuModuleLoadDataEx(void **module, const void *, unsigned count, unsigned *options, void **values) {
    *module = &card;
    std::string fails = card.option("compiler");
    if (fails.empty()) return memory_call();
    if (fails == "missing") return JIT_COMPILER_NOT_FOUND;
    char *log = nullptr;
    uintptr_t size = 0;
    for (unsigned i = 0; i < count; ++i) {
        if (options[i] == 5) log = (char *)values[i];
        if (options[i] == 6) size = (uintptr_t)values[i];
    }
    // As NVIDIA's driver has it; its texts may fill the buffer to the last byte.
    std::string text = "ptxas application ptx input, line 9; fatal   : Unsupported .version 8.0\n";
    while (fails == "long" && text.size() < 2 * size) text += text;
    if (log) memcpy(log, text.data(), text.size() < size ? text.size() : size);
    return INVALID_PTX;
}

EXPORT int cuModuleGetFunction(void **function, void *, const char *name) {
    *function = (void *)emulation::kernel(name);
    return *function ? SUCCESS : NOT_FOUND;
}

EXPORT int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *, int, size_t) {
    *blocks = 1;
    return SUCCESS;
}

EXPORT int cuLaunchCooperativeKernel(void *function, unsigned blocks, unsigned rows, unsigned, unsigned threads,
                                     unsigned, unsigned, unsigned, void *stream, void **parameters) {
    if (!card.works_on()) return UNKNOWN;
    // All blocks have to be on the card at once.
    if (blocks * rows > MULTIPROCESSORS) return TOO_LARGE;
    // A card has its own copy of the parameters when this returns.
    emulation::Kernel kernel = (emulation::Kernel)function;
    auto copies = std::make_shared<std::vector<std::string>>();
    for (size_t bytes : emulation::parameters(kernel)) {
        copies->push_back(std::string((const char *)parameters[copies->size()], bytes));
    }
    streams.later(stream, [=] {
        std::vector<void *> given;
        for (auto &copy : *copies) given.push_back(&copy[0]);
        emulation::launch(kernel, given.data(), rows, blocks, threads);
    });
    return SUCCESS;
}

EXPORT int cuGetErrorString(int status, const char **text) {
    switch (status) {
    case OUT_OF_MEMORY: *text = "out of memory"; break;
    case NO_DEVICE: *text = "no CUDA-capable device is detected"; break;
    case INVALID_PTX: *text = "a PTX JIT compilation failed"; break;
    case JIT_COMPILER_NOT_FOUND: *text = "PTX JIT compiler library not found"; break;
    default: *text = "unknown error"; break;
    }
    return SUCCESS;
}
