/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/rest.h"

#include <openssl/rand.h>

#include "base/clock.h"

bool rest_lasts(const struct rest *rest)
{
    return clock_boot_ms() < rest->until_ms;
}

void rest_begin(struct rest *rest, int64_t asked_s)
{
    uint16_t random = 0;

    (void)RAND_bytes((unsigned char *)&random, sizeof random);
    rest->pause_s = rest->pause_s == 0 ? REST_MIN_S : 2 * rest->pause_s;
    if (rest->pause_s > REST_MAX_S)
        rest->pause_s = REST_MAX_S;
    if (asked_s > rest->pause_s)
        rest->pause_s = asked_s < REST_MAX_S ? asked_s : REST_MAX_S;
    rest->until_ms =
        clock_boot_ms() + rest->pause_s * 1000 + rest->pause_s * 100 * random / UINT16_MAX;
}

void rest_end(struct rest *rest)
{
    *rest = (struct rest){0};
}
