/*
One step of decoding: B rows, one token each, from embeddings to logits, over the KV cache, in one parallel region.
And the same product of matrices by itself, for prompts. acorn/infer/native/ compiles, fills and calls it.

A row of a batch gets the same bits alone and in company, with any number of threads: each number is summed by one
thread, over k in order, by the same operations whatever stands beside it. Hence no -ffast-math.
*/
#include "product.h"

enum { RMS, LAYER };
enum { RELU2, SWIGLU, GELU };

typedef struct {
    Matrix qkv, out, up, down; /* up: with SWIGLU gate and up, one after the other */
    const float *norm1, *bias1, *norm2, *bias2; /* (width) or NULL */
    const float *q_norm, *k_norm;               /* (dim) or NULL */
    float scale, unused;                        /* of the residual stream on entering */
} Layer;

typedef struct {
    int64_t layers, width, heads, groups, dim, inner, norm, act;
    int64_t qk; /* norm of queries and keys: 0 none, 1 before they are turned, 2 after */
    float eps, qk_eps, sharpness, unused;
    const float *cos, *sin; /* (positions, dim / 2), or NULL */
    const float *norm_weight, *norm_bias;
    const Layer *layer;
    Matrix head;
} Model;

typedef struct {
    float *k, *v; /* (layers, slots, groups, length, dim) */
    int64_t slots, length;
} Cache;

/* y (rows, n) = x Wᵀ + bias, x (rows, k). wide: threads * k * 32 floats. */
void acorn_linear(const Matrix *m, const float *x, int64_t rows, float *y, float *wide, int64_t threads)
{
#pragma omp parallel num_threads(threads)
    product(m, x, m->k, rows, y, m->n, 0, wide + omp_get_thread_num() * m->k * PANEL);
}

/* --- the step ---------------------------------------------------------------------------------------------------- */

/* y = x normalised, (n); may be x itself. */
static void normalise(int kind, const float *x, const float *weight, const float *bias, float eps, float *y, int64_t n)
{
    vec ones = all(1.0f), mean = {0}, square = {0};
    if (kind == LAYER) {
        for (int64_t i = 0; i < n; i += LANES) mean += load_some(x + i, n - i);
        mean = all(sum(mean) / n);
    }
    for (int64_t i = 0; i < n; i += LANES) {
        vec d = load_some(x + i, n - i);
        if (kind == LAYER) d -= n - i < LANES ? load_some((float *)&mean, n - i) : mean;
        square += d * d;
    }
    vec factor = all(1.0f / sqrtf(sum(square) / n + eps));
    for (int64_t i = 0; i < n; i += LANES) {
        vec v = (load_some(x + i, n - i) - mean) * factor * (weight ? load_some(weight + i, n - i) : ones);
        store_some(y + i, bias ? v + load_some(bias + i, n - i) : v, n - i);
    }
}

static void normalise_rows(const Model *m, int64_t first, int64_t last, const float *x, const float *weight,
                           const float *bias, float *y)
{
    for (int64_t i = first * m->width; i < last * m->width; i += m->width)
        normalise(m->norm, x + i, weight, bias, m->eps, y + i, m->width);
}

/* A query or key (dim), normalised and turned, to y; pairs are (i, i + dim / 2). */
static void turn(const Model *m, const float *x, const float *weight, int64_t at, float *y)
{
    int64_t dim = m->dim, half = dim / 2;
    memcpy(y, x, dim * sizeof *y);
    if (m->qk == 1) normalise(RMS, y, weight, 0, m->qk_eps, y, dim);
    for (int64_t i = 0; m->cos && i < half; i += LANES) {
        int64_t n = half - i;
        vec a = load_some(y + i, n), b = load_some(y + half + i, n);
        vec cos = load_some(m->cos + at * half + i, n), sin = load_some(m->sin + at * half + i, n);
        store_some(y + i, a * cos - b * sin, n);
        store_some(y + half + i, b * cos + a * sin, n);
    }
    if (m->qk == 2) normalise(RMS, y, weight, 0, m->qk_eps, y, dim);
}

/* y (dim) += p[s] v[s] over n positions */
static void gather(const float *p, const float *v, int64_t n, int64_t dim, float *y)
{
    int64_t d = 0;
    for (; d + 4 * LANES <= dim; d += 4 * LANES) {
        vec t[4];
        for (int j = 0; j < 4; j++) t[j] = load(y + d + j * LANES);
        for (int64_t s = 0; s < n; s++)
            for (int j = 0; j < 4; j++) t[j] += p[s] * load(v + s * dim + d + j * LANES);
        for (int j = 0; j < 4; j++) store(y + d + j * LANES, t[j]);
    }
    for (; d < dim; d += LANES) {
        vec t = load_some(y + d, dim - d);
        for (int64_t s = 0; s < n; s++) t += p[s] * load_some(v + s * dim + d, dim - d);
        store_some(y + d, t, dim - d);
    }
}

/* One row's tokens: those of a prompt that it may share, then its own. */
typedef struct {
    int64_t trunk_row, trunk_length, length;
} Row;

/*
Attention of one head of one row. qkv: its products, (heads + 2 groups) x dim. y (dim). room: scores of all tokens and
3 dim. The first head of a group writes the new key and value into the cache; nobody reads them there in this step.
*/
static void attend(const Model *m, const Layer *l, int64_t layer, int64_t head, int64_t row, const Row *r,
                   const Cache *own, const Cache *trunk, const float *qkv, float *y, float *room)
{
    int64_t dim = m->dim, group = head / (m->heads / m->groups), at = r->trunk_length + r->length;
    float *q = room, *k = room + dim, *p = room + 3 * dim;
    const float *v = qkv + (m->heads + m->groups + group) * dim;
    turn(m, qkv + head * dim, l->q_norm, at, q);
    turn(m, qkv + (m->heads + group) * dim, l->k_norm, at, k);
    int64_t mine = ((layer * own->slots + row) * m->groups + group) * own->length * dim, theirs = 0;
    if (r->trunk_length) theirs = ((layer * trunk->slots + r->trunk_row) * m->groups + group) * trunk->length * dim;
    for (int64_t i = 0; i < dim; i += LANES) store_some(q + i, load_some(q + i, dim - i) * m->sharpness, dim - i);
    for (int64_t s = 0; s < r->trunk_length; s++) p[s] = dot(q, trunk->k + theirs + s * dim, dim);
    for (int64_t s = 0; s < r->length; s++) p[r->trunk_length + s] = dot(q, own->k + mine + s * dim, dim);
    p[at] = dot(q, k, dim);
    float most = p[0];
    for (int64_t s = 1; s <= at; s++) most = p[s] > most ? p[s] : most;
    vec total = {0};
    for (int64_t s = 0; s <= at; s += LANES) {
        vec e = exponential(load_some(p + s, at + 1 - s) - most);
        store_some(p + s, e, at + 1 - s);
        total += load_some(p + s, at + 1 - s);
    }
    memset(y, 0, dim * sizeof *y);
    if (r->trunk_length) gather(p, trunk->v + theirs, r->trunk_length, dim, y);
    if (r->length) gather(p + r->trunk_length, own->v + mine, r->length, dim, y);
    gather(p + at, v, 1, dim, y);
    vec share = all(1.0f / sum(total));
    for (int64_t i = 0; i < dim; i += LANES) store_some(y + i, load_some(y + i, dim - i) * share, dim - i);
    if (head % (m->heads / m->groups) == 0) {
        memcpy(own->k + mine + r->length * dim, k, dim * sizeof *k);
        memcpy(own->v + mine + r->length * dim, v, dim * sizeof *v);
    }
}

/* Of numbers i to end - 1 of a row of the MLP, in place. */
static void activate(const Model *m, float *x, int64_t i, int64_t end)
{
    for (; i < end; i += LANES) {
        int64_t n = end - i;
        vec v = load_some(x + i, n);
        if (m->act == RELU2) v = choose(v < 0.0f, (vec){0}, v * v);
        if (m->act == SWIGLU) v = v / (1.0f + exponential(-v)) * load_some(x + m->inner + i, n);
        if (m->act == GELU) v = v / (1.0f + exponential(-1.5957691216f * (v + 0.044715f * v * v * v)));
        store_some(x + i, v, n);
    }
}

/* Floats of each thread, and of all, that a step needs. longest: tokens of the longest row, with the new one. */
static int64_t room_of_thread(const Model *m, int64_t longest)
{
    int64_t wide = (m->width + m->inner + m->heads * m->dim) * PANEL, scores = 3 * m->dim + longest;
    return (wide > scores ? wide : scores) + LANES;
}

int64_t acorn_room(const Model *m, int64_t rows, int64_t longest, int64_t threads)
{
    int64_t each = m->width + (2 * m->heads + 2 * m->groups) * m->dim + m->layer[0].up.n;
    return rows * each + threads * room_of_thread(m, longest);
}

/* x (rows, width): embeddings, overwritten. room: as many floats as acorn_room says. logits (rows, vocabulary). */
void acorn_step(const Model *m, int64_t rows, const Row *row, const Cache *own, const Cache *trunk, float *x, float *room,
                int64_t longest, float *logits, int64_t threads)
{
    int64_t width = m->width, wide = (m->heads + 2 * m->groups) * m->dim, across = m->heads * m->dim;
    int64_t inner = m->layer[0].up.n;
    float *h = room, *qkv = h + rows * width, *heads = qkv + rows * wide, *mid = heads + rows * across;
    float *rooms = mid + rows * inner;
#pragma omp parallel num_threads(threads)
    {
        int64_t t = omp_get_thread_num(), team = omp_get_num_threads();
        float *mine = rooms + t * room_of_thread(m, longest);
        int64_t first = rows * t / team, last = rows * (t + 1) / team, chunks = (m->inner + LANES - 1) / LANES;
#define MEET _Pragma("omp barrier")
        for (int64_t i = 0; i < m->layers; i++) {
            const Layer *l = m->layer + i;
            for (int64_t c = first * width; c < last * width; c++) x[c] *= l->scale;
            normalise_rows(m, first, last, x, l->norm1, l->bias1, h);
            MEET;
            product(&l->qkv, h, width, rows, qkv, wide, 0, mine);
            MEET;
            for (int64_t j = rows * m->heads * t / team; j < rows * m->heads * (t + 1) / team; j++) {
                int64_t b = j / m->heads, head = j % m->heads;
                attend(m, l, i, head, b, row + b, own, trunk, qkv + b * wide, heads + b * across + head * m->dim, mine);
            }
            MEET;
            product(&l->out, heads, across, rows, x, width, 1, mine);
            MEET;
            normalise_rows(m, first, last, x, l->norm2, l->bias2, h);
            MEET;
            product(&l->up, h, width, rows, mid, inner, 0, mine);
            MEET;
            int64_t from = chunks * t / team * LANES, end = chunks * (t + 1) / team * LANES;
            for (int64_t b = 0; b < rows; b++) activate(m, mid + b * inner, from, end < m->inner ? end : m->inner);
            MEET;
            product(&l->down, mid, inner, rows, x, width, 1, mine);
            MEET;
        }
        normalise_rows(m, first, last, x, m->norm_weight, m->norm_bias, h);
        MEET;
        product(&m->head, h, width, rows, logits, m->head.n, 0, mine);
    }
}
