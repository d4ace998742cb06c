/*
Vectors of 16 floats, and products of rows with matrices. gcc and clang make of them what the CPU has.

A matrix (n outputs, k inputs) stands in panels of 32 outputs, a panel in groups of inputs; n and k are filled up with
zeros. A group is read from its first byte to its last:
    F32   64 inputs:  32 floats for each
    I8    32 inputs:  32 scales in bf16, then 32 signed bytes for each input           w = scale * q
    I4    32 inputs:  32 scales, 32 middles in bf16, 32 bytes for each two inputs      w = scale * (q - middle)
Two inputs in one byte: the even one in the low bits.
*/
#include <math.h>
#include <stdint.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#else
#define omp_get_thread_num() 0
#define omp_get_num_threads() 1
#endif

#define LANES 16
#define PANEL 32
#define INLINE static inline __attribute__((always_inline))
#ifdef __AVX512F__
#define MOST_ROWS 8 /* rows of x that one pass over a panel serves: as many as registers hold */
#else
#define MOST_ROWS 4
#endif

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint8_t bytes __attribute__((vector_size(LANES)));
typedef uint16_t halves __attribute__((vector_size(2 * LANES)));

enum { F32, I8, I4 };
static const int GROUP[] = {64, 32, 32};
static const int GROUP_BYTES[] = {64 * 128, 64 + 32 * 32, 128 + 16 * 32};

typedef struct {
    int64_t kind, n, k;
    const uint8_t *panels;
    const float *bias; /* (n) or NULL */
} Matrix;

/* --- vectors ----------------------------------------------------------------------------------------------------- */

INLINE vec load(const float *p) { vec v; memcpy(&v, p, sizeof v); return v; }
INLINE void store(float *p, vec v) { memcpy(p, &v, sizeof v); }
INLINE vec all(float x) { return x - (vec){0}; }
INLINE vec load_some(const float *p, int64_t n) { vec v = {0}; memcpy(&v, p, n < LANES ? 4 * n : 4 * LANES); return v; }
INLINE void store_some(float *p, vec v, int64_t n) { memcpy(p, &v, n < LANES ? 4 * n : 4 * LANES); }
INLINE vec choose(ints yes, vec a, vec b) { return (vec)((yes & (ints)a) | (~yes & (ints)b)); }

INLINE float sum(vec v)
{
    float s[LANES];
    memcpy(s, &v, sizeof s);
    for (int n = LANES / 2; n; n /= 2)
        for (int i = 0; i < n; i++) s[i] += s[i + n];
    return s[0];
}

INLINE vec exponential(vec x) /* e^x to 2 ulp between -87 and 88, and as at these ends beyond; NaN stays */
{
    x = choose(x < -87.0f, all(-87.0f), choose(x > 88.0f, all(88.0f), x));
    vec shifted = x * 1.44269504f + 12582912.0f; /* the last bits of the sum are the whole number next to x / ln 2 */
    vec n = shifted - 12582912.0f;
    vec r = x - n * 0.693359375f + n * 2.12194440e-4f;
    vec p = 1.9875691500e-4f * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    return p * (vec)(((words)shifted << 23) + 0x3f800000u);
}

static float dot(const float *a, const float *b, int64_t n)
{
    vec s = {0};
    for (; n >= LANES; n -= LANES, a += LANES, b += LANES) s += load(a) * load(b);
    return sum(n ? s + load_some(a, n) * load_some(b, n) : s);
}

/* --- products ---------------------------------------------------------------------------------------------------- */

INLINE vec from_bf16(const uint8_t *p)
{
    halves h;
    memcpy(&h, p, sizeof h);
    return (vec)(__builtin_convertvector(h, words) << 16);
}

/* Weights of input k of a group, for 32 outputs; those of I8 and I4 without their scale. */
INLINE void weights(int kind, const uint8_t *group, int k, const vec *middle, vec *w)
{
    for (int j = 0; j < 2; j++) {
        if (kind == F32) {
            w[j] = load((const float *)group + k * PANEL + j * LANES);
        } else if (kind == I8) {
            bytes b;
            memcpy(&b, group + 64 + k * PANEL + j * LANES, sizeof b);
            b ^= 128; /* unsigned bytes are what gcc 12 widens in one instruction, if something is done to them first */
            w[j] = __builtin_convertvector(__builtin_convertvector(b, ints), vec) - 128.0f;
        } else {
            bytes b;
            memcpy(&b, group + 128 + k / 2 * PANEL + j * LANES, sizeof b);
            b = k % 2 ? b >> 4 : b & 15;
            w[j] = __builtin_convertvector(__builtin_convertvector(b, ints), vec) - middle[j];
        }
    }
}

/* Adds one group of inputs to the sums of `rows` rows. wide: its weights as `weights` gives them, or NULL. */
INLINE void add_group(int kind, int rows, const uint8_t *group, const float *wide, const float *x, int64_t stride,
                      int count, vec total[][2])
{
    vec part[MOST_ROWS][2], middle[2], w[2];
    for (int j = 0; j < 2; j++) {
        middle[j] = kind == I4 ? from_bf16(group + 64 + 32 * j) : (vec){0};
        for (int r = 0; r < rows; r++) part[r][j] = kind == F32 ? total[r][j] : (vec){0};
    }
#define INPUT(K)                                                                                                      \
    do {                                                                                                              \
        if (wide) { w[0] = load(wide + (K) * PANEL); w[1] = load(wide + (K) * PANEL + LANES); }                       \
        else weights(kind, group, K, middle, w);                                                                      \
        for (int r = 0; r < rows; r++) {                                                                              \
            vec b = all(x[r * stride + (K)]);                                                                         \
            part[r][0] += w[0] * b;                                                                                   \
            part[r][1] += w[1] * b;                                                                                   \
        }                                                                                                             \
    } while (0)
    int k = 0;
    for (; k + 2 <= count; k += 2) { INPUT(k); INPUT(k + 1); }
    if (k < count) INPUT(k);
#undef INPUT
    for (int j = 0; j < 2; j++) {
        vec scale = kind == F32 ? (vec){0} : from_bf16(group + 32 * j);
        for (int r = 0; r < rows; r++) total[r][j] = kind == F32 ? part[r][j] : total[r][j] + scale * part[r][j];
    }
}

INLINE void rows_of_panel(int kind, int rows, const Matrix *m, const uint8_t *panel, const float *wide, const float *x,
                          int64_t stride, float *y, int64_t y_stride, int64_t from, int adds)
{
    vec total[MOST_ROWS][2];
    for (int r = 0; r < rows; r++) total[r][0] = total[r][1] = (vec){0};
    for (int64_t k = 0; k < m->k; k += GROUP[kind], panel += GROUP_BYTES[kind]) {
        int count = m->k - k < GROUP[kind] ? m->k - k : GROUP[kind];
        add_group(kind, rows, panel, wide ? wide + k * PANEL : 0, x + k, stride, count, total);
    }
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < 2; j++) {
            int64_t at = from + j * LANES, n = m->n - at;
            if (n <= 0) break;
            vec v = total[r][j];
            if (m->bias) v += load_some(m->bias + at, n);
            if (adds) v += load_some(y + r * y_stride + at, n);
            store_some(y + r * y_stride + at, v, n);
        }
}

#define ROWS(N) rows_of_panel(kind, N, m, panel, wide, x + r * stride, stride, y + r * y_stride, y_stride, from, adds)

INLINE void all_rows(int kind, const Matrix *m, const uint8_t *panel, const float *wide, const float *x, int64_t stride,
                     int64_t rows, float *y, int64_t y_stride, int64_t from, int adds)
{
    int64_t r = 0;
    for (; r + MOST_ROWS <= rows; r += MOST_ROWS) ROWS(MOST_ROWS);
#if MOST_ROWS == 8
    for (; r + 4 <= rows; r += 4) ROWS(4);
#endif
    for (; r + 2 <= rows; r += 2) ROWS(2);
    if (r < rows) ROWS(1);
}

/* y (rows, n) = or += x Wᵀ + bias, for the outputs of panels first to last - 1. wide: room for k * 32 floats. */
static void product_kind(int kind, const Matrix *m, const float *x, int64_t stride, int64_t rows, float *y,
                         int64_t y_stride, int adds, int64_t first, int64_t last, float *wide)
{
    int64_t panel_bytes = (m->k + GROUP[kind] - 1) / GROUP[kind] * GROUP_BYTES[kind];
    for (int64_t p = first; p < last; p++) {
        const uint8_t *panel = m->panels + p * panel_bytes;
        if (kind != F32 && rows > MOST_ROWS) { /* take it apart once, not once for every few rows */
            const uint8_t *group = panel;
            for (int64_t k = 0; k < m->k; k += GROUP[kind], group += GROUP_BYTES[kind]) {
                vec middle[2], w[2];
                for (int j = 0; j < 2; j++) middle[j] = kind == I4 ? from_bf16(group + 64 + 32 * j) : (vec){0};
                for (int i = 0; i < GROUP[kind] && k + i < m->k; i++) {
                    weights(kind, group, i, middle, w);
                    store(wide + (k + i) * PANEL, w[0]);
                    store(wide + (k + i) * PANEL + LANES, w[1]);
                }
            }
        }
        float *taken = kind != F32 && rows > MOST_ROWS ? wide : 0;
        all_rows(kind, m, panel, taken, x, stride, rows, y, y_stride, p * PANEL, adds);
    }
}

/* This thread's share of it. */
static void product(const Matrix *m, const float *x, int64_t stride, int64_t rows, float *y, int64_t y_stride, int adds,
                    float *wide)
{
    int64_t t = omp_get_thread_num(), team = omp_get_num_threads(), panels = (m->n + PANEL - 1) / PANEL;
    int64_t first = panels * t / team, last = panels * (t + 1) / team;
    if (m->kind == F32) product_kind(F32, m, x, stride, rows, y, y_stride, adds, first, last, wide);
    if (m->kind == I8) product_kind(I8, m, x, stride, rows, y, y_stride, adds, first, last, wide);
    if (m->kind == I4) product_kind(I4, m, x, stride, rows, y, y_stride, adds, first, last, wide);
}
