/* parameter.c - see parameter.h. */
#include "parameter.h"

#include <math.h>

int rp_parameter_takes(const rp_parameter *parameter, double value) {
    if (!isfinite(value) || value < parameter->low || value > parameter->high) return 0;
    return !parameter->whole || value == floor(value);
}
