/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-liboidc ACCOUNT PID CORE MS: a cached access token of oidc-agent by its own library, as
 * programs ask for it. The socket is that of OIDC_SOCK.
 */
#include <err.h>
#include <oidc-agent/api.h>
#include <stdlib.h>

#include "tests/bench/clocks.h"
#include "tests/bench/samples.h"

#define WARMUP_MS 50

static void call(void *account)
{
    char *token = getAccessToken3(account, 0, NULL, "bench", NULL);

    if (token == NULL)
        errx(EXIT_FAILURE, "oidc-agent: no token");
    secFree(token);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        errx(2, "usage: bench-liboidc ACCOUNT PID CORE MS");
    clocks_pin(atoi(argv[3]));
    samples_of(call, argv[1], atol(argv[4]), WARMUP_MS, (pid_t)atoi(argv[2]));
    return EXIT_SUCCESS;
}
