/* unit_limiter.c - nothing louder than the ceiling leaves: it looks ahead, so that it is soft before a peak comes.
 *
 * The gain that each frame needs is held for as long as the frame is on its way (a sliding minimum), let go of slowly
 * (release), and averaged over the same time: so it comes down in a straight line, and is down when the peak leaves. */
#include "unit_builtin.h"
#include "unit_smooth.h"

enum { AHEAD = 64, WINDOW = AHEAD + 1 }; /* frames */
enum { CEILING, RELEASE, PARAMETERS };
static const rp_parameter parameters[PARAMETERS] = {
    {"ceiling", "dB", "the loudest sample that leaves, below full scale", -24, 0, -1, 0},
    {"release", "ms", "how long it takes to be loud again after a peak", 1, 1000, 80, 0},
};

typedef struct {
    rp_unit unit;
    double rate;
    rp_ramp ceiling;
    uint32_t at;           /* in the rings */
    float held[WINDOW][2]; /* what came in */
    float limit[WINDOW];   /* the ceiling at that time */
    float needed[WINDOW];  /* the gain that each frame needs */
    double let[WINDOW];    /* the gain after holding and release */
    float lowest;          /* of needed */
    uint32_t lowest_age;
    double sum; /* of let */
} limiter_unit;

/* [any] */
static void open_up(limiter_unit *it) {
    for (uint32_t i = 0; i < WINDOW; i++) it->needed[i] = it->let[i] = 1;
    it->lowest = 1;
    it->lowest_age = 0;
    it->sum = WINDOW;
}

/* The least gain that a frame on its way needs, now that one has come in at the place `at`. [process] */
static float least(limiter_unit *it) {
    if (it->needed[it->at] <= it->lowest) {
        it->lowest = it->needed[it->at];
        it->lowest_age = 0;
    } else if (++it->lowest_age == WINDOW) { /* the one that asked for it has left */
        it->lowest = it->needed[it->at];
        it->lowest_age = 0;
        for (uint32_t age = 1; age < WINDOW; age++) {
            const float one = it->needed[(it->at + WINDOW - age) % WINDOW];
            if (one >= it->lowest) continue;
            it->lowest = one;
            it->lowest_age = age;
        }
    }
    return it->lowest;
}

/* The gain for the frame that leaves. [process] */
static float gain(limiter_unit *it, double back) {
    const double most = (double)least(it), before = it->let[(it->at + AHEAD) % WINDOW];
    double let = before + (most - before) * back;
    if (let > most - 1e-7) let = most;
    it->sum += let - it->let[it->at];
    it->let[it->at] = let;
    return (float)(it->sum / WINDOW);
}

/* [process] */
static void frame(limiter_unit *it, double back, float *left, float *right) {
    float *in = it->held[it->at];
    in[0] = rp_sane(*left);
    in[1] = rp_sane(*right);
    const float ceiling = rp_ramp_next(&it->ceiling), peak = fmaxf(fabsf(in[0]), fabsf(in[1]));
    it->limit[it->at] = ceiling;
    it->needed[it->at] = peak > ceiling ? ceiling / peak : 1;
    const float now = gain(it, back);
    it->at = (it->at + 1) % WINDOW;
    const float *out = it->held[it->at], limit = it->limit[it->at]; /* the frame that leaves; rounding may be over it */
    *left = fminf(fmaxf(out[0] * now, -limit), limit);
    *right = fminf(fmaxf(out[1] * now, -limit), limit);
}

/* [process] */
static void process(rp_unit *unit, const rp_unit_block *block) {
    limiter_unit *it = (limiter_unit *)unit;
    rp_ramp_aim(&it->ceiling, (float)rp_from_decibels(rp_builtin_wanted(unit, parameters, CEILING)));
    const double release = rp_builtin_wanted(unit, parameters, RELEASE) / 1000 * it->rate;
    const double back = 1 - exp(-3 / release); /* 95 % of the way in that time */
    for (uint32_t i = 0; i < block->frames; i++) frame(it, back, &block->audio[0][i], &block->audio[1][i]);
}

/* [process] */
static void reset(rp_unit *unit) {
    limiter_unit *it = (limiter_unit *)unit;
    for (uint32_t i = 0; i < WINDOW; i++) it->held[i][0] = it->held[i][1] = it->limit[i] = 0;
    rp_ramp_restart(&it->ceiling);
    open_up(it);
}

/* [control] */
static void prepare(rp_unit *unit, uint32_t sample_rate) {
    limiter_unit *it = (limiter_unit *)unit;
    it->rate = sample_rate;
    it->ceiling.length = rp_ramp_length(sample_rate);
    open_up(it);
    atomic_store(&unit->latency, AHEAD);
}

const rp_builtin_maker rp_limiter = {
    .face = {"limiter", "keeps peaks below a ceiling; looks ahead", RP_UNIT_EFFECT, PARAMETERS, parameters},
    .kind = {.process = process, .reset = reset, .free = rp_builtin_free},
    .size = sizeof(limiter_unit),
    .prepare = prepare,
};
