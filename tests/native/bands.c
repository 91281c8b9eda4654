#include "bands.h"

#include <math.h>
#include <string.h>

#include "networks.h"

static int (*pass_on)(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size);
static concert *playing;

/* Where the network's array of this name is. */
static uint32_t find_array(const rp_transformer_config *config, const char *name, rp_array *out) {
    for (uint32_t i = 0; rp_transformer_array(config, i, out); i++)
        if (!strcmp(out->name, name)) return i;
    CHECK(!"the network has such an array");
    return 0;
}

rp_transformer *tiny_transformer(int sane) {
    static const rp_transformer_config config = {.dim = 32, .layers = 1, .heads = 2, .hidden = 32, .field = 16};
    rp_array array;
    start_uniform(11);
    float **weights = random_weights(&config, 0.3F);
    if (!weights) return NULL;
    uint32_t beats = find_array(&config, "scores.1.bias", &array);
    for (uint32_t i = 2; i < array.rows; i++) weights[beats][i] = -5.0F; /* it plays nearly every beat */
    uint32_t last = find_array(&config, "norm.weight", &array);
    for (uint32_t i = 0; !sane && i < array.rows; i++) weights[last][i] = NAN;
    rp_transformer *transformer = rp_transformer_new(&config, (const float *const *)weights);
    free_weights(&config, weights);
    return transformer;
}

rp_continuation_config trio(uint32_t mode) {
    rp_continuation_config config = {.sample_rate = RATE, .mode = mode, .meter = 4, .context = 512, .band = 3};
    config.player[0] = PLAYER_CODE;
    config.member[0] = (rp_band_member){PLAYER_CODE, 0, 48, 90, 1};
    config.member[1] = (rp_band_member){33, 1, 30, 60, 1};
    config.member[2] = (rp_band_member){54, 2, 60, 96, 1};
    config.synchronous = 1;
    return config;
}

rp_rig *concert_rig(concert *c, int with_band) {
    rp_rig_config config = {.route = RP_ROUTE_THRU, .in_channels = 0xFFFF, .instruments = 3};
    for (uint8_t i = 0; i < 3; i++) config.instrument[i].channel = i + 1;
    rp_rig *rig = rp_rig_new(&config, NULL);
    if (rig && with_band) rp_rig_set_continuation(rig, c->band);
    return rig;
}

/* The committed note that begins here; each sounds once. */
static promise *kept_promise(concert *c, uint64_t frame, uint8_t channel, uint8_t pitch) {
    for (uint32_t i = 0; i < c->notes; i++) {
        promise *one = &c->note[i];
        if (one->on == frame && one->pitch == pitch && one->instrument + 1 == channel && !one->sounded && !one->dropped)
            return one;
    }
    return NULL;
}

static int overhear(rp_sink *sink, uint32_t port, uint32_t offset, const uint8_t *data, uint32_t size) {
    int on = size == 3 && (data[0] & 0xF0) == 0x90 && data[2] > 0, channel = data[0] & 15;
    if (on && channel > 0) {
        promise *one = kept_promise(playing, playing->at.frame + offset, (uint8_t)channel, data[1]);
        CHECK(one != NULL && one->velocity == data[2]);
        one->sounded = 1;
    }
    return pass_on(sink, port, offset, data, size);
}

int concert_open(concert *c, const rp_continuation_config *config, int sane, int watched) {
    memset(c, 0, sizeof *c);
    c->transformer = tiny_transformer(sane);
    c->band = c->transformer ? rp_continuation_new(config, c->transformer) : NULL;
    if (!c->band) return 0;
    stage_open(&c->at, 1, concert_rig(c, 1), NULL);
    playing = c;
    pass_on = c->at.out.sink.write;
    if (watched) c->at.out.sink.write = overhear;
    return 1;
}

void concert_close(concert *c) {
    stage_close(&c->at);
    rp_continuation_free(c->band);
    rp_transformer_free(c->transformer);
}

static void note_drop(concert *c, uint32_t serial) {
    c->dropped++;
    for (uint32_t i = c->notes; i-- > 0;) {
        if (c->note[i].serial != serial) continue;
        CHECK(!c->note[i].sounded && !c->note[i].dropped);
        c->note[i].dropped = 1;
        return;
    }
}

/* Never in the past, each serial once, ticks in order but for what was taken back. */
static void note_commit(concert *c, const rp_band_report *report) {
    CHECK(c->notes < NOTES_MAX && report->until > report->frame && report->velocity > 0);
    CHECK(report->frame >= c->at.frame);
    for (uint32_t i = 0; i < c->notes; i++) {
        CHECK(c->note[i].serial != report->serial);
        CHECK(c->note[i].dropped || c->note[i].tick <= report->tick);
    }
    c->note[c->notes++] = (promise){.on = report->frame,
                                    .off = report->until,
                                    .tick = report->tick,
                                    .serial = report->serial,
                                    .instrument = report->instrument,
                                    .pitch = report->pitch,
                                    .velocity = report->velocity,
                                    .stale = report->stale};
}

static void read_reports(concert *c) {
    rp_band_report report;
    while (rp_continuation_poll(c->band, &report, 1)) {
        if (report.kind == RP_BAND_COMMITTED) note_commit(c, &report);
        if (report.kind == RP_BAND_DROPPED) note_drop(c, report.serial);
        if (report.kind == RP_BAND_STATE) {
            c->state = report.value;
            c->state_frame = report.frame;
            c->state_tick = report.tick;
        }
        c->heard += report.kind == RP_BAND_HEARD;
        c->planned += report.kind == RP_BAND_PLANNED;
        c->faults += report.kind == RP_BAND_FAULT;
        c->missed += report.kind == RP_BAND_MISSED ? report.value : 0;
    }
}

void concert_cycles(concert *c, uint32_t count) {
    while (count--) {
        stage_cycle(&c->at);
        rp_continuation_settle(c->band);
        read_reports(c);
        stage_poll(&c->at, 0);
    }
}

void concert_looks(concert *c, uint32_t count, uint32_t cycles) {
    while (count--) {
        stage_cycles(&c->at, cycles);
        rp_continuation_look(c->band);
        read_reports(c);
        stage_poll(&c->at, 0);
    }
}

void concert_seconds(concert *c, double seconds) { concert_cycles(c, (uint32_t)lround(seconds * RATE / BLOCK)); }

void concert_set(concert *c, uint32_t parameter, double value) {
    CHECK(rp_continuation_set(c->band, parameter, value));
}

void concert_play(concert *c, uint32_t notes, uint32_t frames) {
    static const uint8_t scale[8] = {60, 62, 64, 65, 67, 69, 71, 72};
    for (uint32_t n = 0; n < notes; n++) {
        stage_send(&c->at, 0, 0x90, scale[n % 8], (uint8_t)(70 + n % 9));
        concert_cycles(c, frames * 3 / 4 / BLOCK);
        stage_send(&c->at, 0, 0x80, scale[n % 8], 0);
        concert_cycles(c, (frames - frames * 3 / 4) / BLOCK);
    }
}

uint32_t concert_sounded(const concert *c) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->notes; i++) count += c->note[i].sounded;
    return count;
}

rp_band_stats concert_stats(const concert *c) {
    rp_band_stats stats;
    rp_continuation_get_stats(c->band, &stats);
    return stats;
}
