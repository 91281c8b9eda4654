/* zone.c - see zone.h. */
#include "zone.h"

enum { LAST = 127 };

int rp_zone_valid(const rp_zone *zone) {
    return zone->in_port < 16 && zone->lowest <= zone->highest && zone->highest <= LAST &&
           zone->softest <= zone->loudest && zone->loudest <= LAST && zone->channels;
}

int rp_zone_hears(const rp_zone *zone, uint8_t in_port, uint8_t in_channel) {
    return zone->in_port == in_port && (zone->channels >> in_channel & 1);
}

int rp_zone_pitch(const rp_zone *zone, uint8_t key, uint8_t velocity) {
    int pitch = key + zone->transpose;
    int inside = key >= zone->lowest && key <= zone->highest && velocity >= zone->softest && velocity <= zone->loudest;
    return inside && pitch >= 0 && pitch <= LAST ? pitch : -1;
}
