/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets on which a browser comes back: loopback addresses and nothing else (RFC 8252). */
#ifndef OIDC_LOOPBACK_BIND_H
#define OIDC_LOOPBACK_BIND_H

#include <stdint.h>

#include "base/fail.h"
#include "oidc/profile.h"

/* 127.0.0.1 and, when the redirect host is "localhost", ::1 with the same port. */
#define LOOPBACK_SOCKETS 2

struct loopback_sockets {
    int fds[LOOPBACK_SOCKETS]; /* -1: none; the caller's */
    uint16_t port;
};

/*
 * Listens on the first free port of the profile's list, or on one of the system's choice.
 * CPS_CONFIGURATION with reason "redirect_port" when none is free.
 */
cps_error loopback_bind(const struct profile *profile, struct loopback_sockets *ret_sockets,
                        struct fail *fail);

#endif
