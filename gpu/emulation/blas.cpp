// The functions of cuBLASLt that reshet uses, on the processor: of f32 matrices that lie column after
// column. What it is told is checked, and a mistake ends the process.
//
// A product is computed when its stream has come so far, each element in the order of the kernel's
// tiles without tensor cores (`products.cuh`): a step has the bits that it has without the library.
//
// RESHET_EMULATION lists faults, as for the driver:
//   cublaslt-missing        the library does not start
//   cublaslt-no-algorithm=N the N-th product asked for has no algorithm, counted from 1
//   cublaslt-wrong=N        the N-th product is wrong in its last element
//   cublaslt-fails=N        the N-th product and all after it fail
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include "driver.h"

namespace {

enum Status { SUCCESS = 0, NOT_INITIALIZED = 1, INVALID_VALUE = 7, EXECUTION_FAILED = 13 };
enum Compute { COMPUTE_32F = 68, COMPUTE_32F_FAST_16BF = 75, COMPUTE_32F_FAST_TF32 = 77 };
enum Kind : uint32_t { HANDLE = 0x48414e44, OPERATION, LAYOUT, PREFERENCE };

// What each structure begins with, so that one taken for another is found.
struct Handle {
    Kind kind = HANDLE;
};

struct Operation {
    Kind kind = OPERATION;
    int compute = 0;
    int transposed[2] = {0, 0};
};

struct Layout {
    Kind kind = LAYOUT;
    uint64_t rows = 0, columns = 0;
    int64_t across = 0;
    // From the start of its first number to the end of its last.
    uint64_t bytes() const { return ((columns - 1) * across + rows) * 4; }
};

struct Preference {
    Kind kind = PREFERENCE;
    uint64_t workspace = 0;
    // Of A, B, C and D, unless said.
    uint32_t alignments[4] = {256, 256, 256, 256};
};

const uint64_t MARK = 0x72657368657421;
const uint64_t NEEDED = 4096;

// The library's own 64 bytes.
struct Algorithm {
    uint64_t mark, m, n, k, compute;
    uint32_t transposed[2];
    uint16_t alignments[4];
    uint64_t workspace;
};

struct Found {
    Algorithm algorithm;
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
};

static_assert(sizeof(Algorithm) == 64 && sizeof(Found) == 96, "as in cublasLt.h");

uint64_t asked = 0, computed = 0;

[[noreturn]] void fail(const char *what) {
    fprintf(stderr, "emulated cuBLASLt: %s\n", what);
    abort();
}

void want(bool holds, const char *what) {
    if (!holds) fail(what);
}

template <class T> T &as(void *handle) {
    want(handle && ((T *)handle)->kind == T().kind, "a handle of another kind, or none");
    return *(T *)handle;
}

template <class T> int make(void **handle, T made) {
    *handle = new T(made);
    return SUCCESS;
}

template <class T> int give_back(void *handle) {
    as<T>(handle).kind = (Kind)0;
    delete (T *)handle;
    return SUCCESS;
}

// The product that these say, without places.
Algorithm product_of(void *operation, void *a_layout, void *b_layout, void *c_layout, void *d_layout) {
    const Operation &how = as<Operation>(operation);
    const Layout &a = as<Layout>(a_layout), &b = as<Layout>(b_layout);
    const Layout &c = as<Layout>(c_layout), &d = as<Layout>(d_layout);
    uint64_t m = how.transposed[0] ? a.columns : a.rows, k = how.transposed[0] ? a.rows : a.columns;
    uint64_t n = how.transposed[1] ? b.rows : b.columns, l = how.transposed[1] ? b.columns : b.rows;
    want(k == l, "A's columns are not B's rows");
    want(c.rows == m && c.columns == n, "C has other sides than the product");
    want(d.rows == m && d.columns == n && d.across == c.across, "D is not as C");
    Algorithm product = {};
    product.mark = MARK;
    product.m = m;
    product.n = n;
    product.k = k;
    product.compute = how.compute;
    product.transposed[0] = how.transposed[0];
    product.transposed[1] = how.transposed[1];
    return product;
}

float rounded(float x, int compute) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    if (x != x || compute == COMPUTE_32F) return x;
    bits = compute == COMPUTE_32F_FAST_TF32 ? (bits + 0x1000) & 0xFFFFE000
                                            : (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000;
    memcpy(&x, &bits, 4);
    return x;
}

struct Matrix {
    const float *at;
    uint64_t across;
    bool transposed;
    float operator()(uint64_t row, uint64_t column) const {
        return transposed ? at[row * across + column] : at[column * across + row];
    }
};

// An element of the product: in tiles of 64 by 64 one sum, in small ones those of four groups.
float element(const Algorithm &p, Matrix a, Matrix b, uint64_t i, uint64_t j) {
    // A layer's inputs and outputs, from which the kernel takes the size of its tiles.
    bool first = p.transposed[0], last = p.transposed[1];
    uint64_t inputs = first ? p.k : p.m, outputs = first ? p.m : last ? p.n : p.k;
    bool large = inputs >= 256 && outputs >= 256;
    float sums[4] = {0, 0, 0, 0};
    for (uint64_t k = 0; k < p.k; ++k) {
        float &sum = sums[large ? 0 : k % 64 / 16];
        sum = fmaf(rounded(a(i, k), p.compute), rounded(b(k, j), p.compute), sum);
    }
    return large ? sums[0] : (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

} // namespace

EXPORT int cublasLtCreate(void **handle) {
    if (!emulation::option("cublaslt-missing").empty()) return NOT_INITIALIZED;
    return make(handle, Handle());
}

EXPORT int cublasLtDestroy(void *handle) { return give_back<Handle>(handle); }

EXPORT int cublasLtGetProperty(int which, int *value) {
    const int version[3] = {12, 9, 0};
    if (which < 0 || which > 2) return INVALID_VALUE;
    *value = version[which];
    return SUCCESS;
}

EXPORT int cublasLtMatmulDescCreate(void **operation, int compute, int scale) {
    want(compute == COMPUTE_32F || compute == COMPUTE_32F_FAST_16BF || compute == COMPUTE_32F_FAST_TF32,
         "another way to compute than f32, its BF16 and its TF32");
    want(scale == 0, "factors of another type than f32");
    Operation made;
    made.compute = compute;
    return make(operation, made);
}

EXPORT int cublasLtMatmulDescSetAttribute(void *operation, int attribute, const void *value, size_t bytes) {
    want((attribute == 3 || attribute == 4) && bytes == 4, "another attribute than TRANSA and TRANSB, of 4 bytes");
    int transposed = *(const int *)value;
    want(transposed == 0 || transposed == 1, "another operation than N and T");
    as<Operation>(operation).transposed[attribute - 3] = transposed;
    return SUCCESS;
}

EXPORT int cublasLtMatmulDescDestroy(void *operation) { return give_back<Operation>(operation); }

EXPORT int cublasLtMatrixLayoutCreate(void **layout, int type, uint64_t rows, uint64_t columns, int64_t across) {
    want(type == 0, "a matrix of another type than f32");
    want(rows > 0 && columns > 0 && across >= (int64_t)rows, "a matrix without numbers, or with columns that overlap");
    Layout made;
    made.rows = rows;
    made.columns = columns;
    made.across = across;
    return make(layout, made);
}

EXPORT int cublasLtMatrixLayoutDestroy(void *layout) { return give_back<Layout>(layout); }

EXPORT int cublasLtMatmulPreferenceCreate(void **preference) { return make(preference, Preference()); }

EXPORT int cublasLtMatmulPreferenceSetAttribute(void *preference, int attribute, const void *value, size_t bytes) {
    Preference &of = as<Preference>(preference);
    if (attribute == 1) {
        want(bytes == 8, "a workspace of 8 bytes is meant");
        of.workspace = *(const uint64_t *)value;
        return SUCCESS;
    }
    want(attribute >= 5 && attribute <= 8 && bytes == 4, "another attribute than the alignments, of 4 bytes");
    uint32_t alignment = *(const uint32_t *)value;
    want(alignment >= 4 && alignment <= 256 && (alignment & (alignment - 1)) == 0, "no alignment of f32");
    of.alignments[attribute - 5] = alignment;
    return SUCCESS;
}

EXPORT int cublasLtMatmulPreferenceDestroy(void *preference) { return give_back<Preference>(preference); }

EXPORT int cublasLtMatmulAlgoGetHeuristic(void *handle, void *operation, void *a, void *b, void *c, void *d,
                                          void *preference, int wanted, Found *found, int *count) {
    as<Handle>(handle);
    Preference &of = as<Preference>(preference);
    want(wanted >= 1, "no algorithm asked for");
    *count = 0;
    Algorithm algorithm = product_of(operation, a, b, c, d);
    if (++asked == emulation::number("cublaslt-no-algorithm", 0) || of.workspace < NEEDED) return SUCCESS;
    for (int i = 0; i < 4; ++i) algorithm.alignments[i] = of.alignments[i];
    algorithm.workspace = NEEDED;
    *found = {algorithm, NEEDED, SUCCESS, 1, {}};
    *count = 1;
    return SUCCESS;
}

EXPORT int cublasLtMatmul(void *handle, void *operation, const float *alpha, uint64_t a, void *a_layout, uint64_t b,
                          void *b_layout, const float *beta, uint64_t c, void *c_layout, uint64_t d, void *d_layout,
                          const Algorithm *algorithm, uint64_t workspace, size_t bytes, void *stream) {
    as<Handle>(handle);
    if (!emulation::works_on()) return EXECUTION_FAILED;
    uint64_t number = ++computed;
    if (number >= emulation::number("cublaslt-fails", UINT64_MAX)) return EXECUTION_FAILED;
    Algorithm product = product_of(operation, a_layout, b_layout, c_layout, d_layout);
    want(algorithm->mark == MARK, "no algorithm of this library's");
    memcpy(product.alignments, algorithm->alignments, sizeof(product.alignments));
    product.workspace = algorithm->workspace;
    want(memcmp(&product, algorithm, sizeof(product)) == 0, "an algorithm of another product");
    want(stream && emulation::is_stream(stream), "no stream");
    want(c == d, "C is not D");
    const uint64_t at[4] = {a, b, c, d};
    void *const layouts[4] = {a_layout, b_layout, c_layout, d_layout};
    for (int i = 0; i < 4; ++i) {
        want(at[i] % algorithm->alignments[i] == 0, "an address that is not aligned as was said");
        want(emulation::is_inside(at[i], as<Layout>(layouts[i]).bytes()), "a matrix outside of the card's memory");
    }
    want(bytes >= NEEDED && workspace % 16 == 0 && emulation::is_inside(workspace, bytes), "no workspace");
    Matrix left = {(const float *)a, (uint64_t)as<Layout>(a_layout).across, product.transposed[0] == 1};
    Matrix right = {(const float *)b, (uint64_t)as<Layout>(b_layout).across, product.transposed[1] == 1};
    uint64_t across = as<Layout>(d_layout).across;
    // The factors are read now, as they are the host's.
    float scale = *alpha, keep = *beta;
    bool wrong = number == emulation::number("cublaslt-wrong", 0);
    emulation::later(stream, [=] {
        // What was there is lost.
        memset((void *)workspace, 0xFF, NEEDED);
        float *into = (float *)d;
        for (uint64_t j = 0; j < product.n; ++j) {
            for (uint64_t i = 0; i < product.m; ++i) {
                float sum = scale * element(product, left, right, i, j);
                if (keep != 0) sum += keep * into[j * across + i];
                into[j * across + i] = sum;
            }
        }
        if (wrong) into[(product.n - 1) * across + product.m - 1] += 1;
    });
    return SUCCESS;
}
