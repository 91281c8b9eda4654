/* parameter.h - a number that may be changed while it plays. */
#ifndef RIPIENO_PARAMETER_H
#define RIPIENO_PARAMETER_H
#include <stdint.h>

typedef struct {
    const char *name, *unit, *what;
    double low, high, usual;
    uint32_t whole; /* 1: only whole numbers */
} rp_parameter;

/* 1: the value is a number that the parameter takes. [any] */
int rp_parameter_takes(const rp_parameter *parameter, double value);
#endif
