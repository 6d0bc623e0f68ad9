/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pause after a server that was down has been asked: it doubles each time, with a tenth of it at
 * random, so that programs that insist make no storm. Zeroed: none.
 */
#ifndef OIDC_REST_H
#define OIDC_REST_H

#include <stdbool.h>
#include <stdint.h>

#define REST_MIN_S 1
#define REST_MAX_S 30

struct rest {
    int64_t until_ms; /* boot time */
    int64_t pause_s;
};

bool rest_lasts(const struct rest *rest);

/* The server was down; asked_s: the pause that it asked for (Retry-After), or 0. */
void rest_begin(struct rest *rest, int64_t asked_s);

/* It has answered. */
void rest_end(struct rest *rest);

#endif
