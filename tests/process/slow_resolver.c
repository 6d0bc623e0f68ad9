/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded by a test: a name service that takes its time, as behind a dead DNS server. */
#include <netdb.h>
#include <unistd.h>

#define SECONDS 8

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    (void)node;
    (void)service;
    (void)hints;
    (void)ret;
    sleep(SECONDS);
    return EAI_AGAIN;
}
