/* SPDX-License-Identifier: Apache-2.0 */
/* cps-oidcd: speaks OpenID Connect with the identity providers. Started by the agent. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/confine.h"
#include "base/log.h"
#include "base/proto.h"
#include "oidc/dispatch.h"
#include "oidc/farewell.h"
#include "oidc/fetch.h"
#include "oidc/http.h"
#include "oidc/http_loop.h"
#include "oidc/loopback.h"

#define DEFAULT_CONFIG "/etc/cps-agent"

static int on_channel(sd_event_source *source, int fd, uint32_t events, void *user)
{
    struct oidcd *oidcd = user;

    (void)source;
    (void)fd;
    (void)events;
    for (;;) {
        AUTO_REQUEST struct worker_request packet = WORKER_REQUEST_INIT;

        if (worker_next(&packet) == 0)
            return 0;
        dispatch(oidcd, &packet);
    }
}

/* Before the first packet: whoever heard it may ask for an orderly end. */
static void hold_sigterm(void)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &mask, NULL);
}

static bool start(struct oidcd *oidcd, const char *config)
{
    int flags = fcntl(WORKER_CHANNEL_FD, F_GETFL);

    if (!http_global_init() || sd_event_new(&oidcd->event) < 0)
        return false;
    oidcd->http = http_new(oidcd->event);
    oidcd->loopbacks = loopback_set_new(oidcd->event);
    oidcd->fetches = fetch_loop_new(oidcd->event);
    if (oidcd->http == NULL || oidcd->loopbacks == NULL || oidcd->fetches == NULL)
        return false;
    providers_load(&oidcd->providers, config, oidcd->http);
    apis_load(&oidcd->apis, config, oidcd->http);
    return flags >= 0 && fcntl(WORKER_CHANNEL_FD, F_SETFL, flags | O_NONBLOCK) == 0 &&
           sd_event_add_signal(oidcd->event, NULL, SIGTERM, NULL, NULL) >= 0 &&
           sd_event_add_io(oidcd->event, NULL, WORKER_CHANNEL_FD, EPOLLIN, on_channel, oidcd) >= 0;
}

static void stop(struct oidcd *oidcd)
{
    requests_drop(oidcd);
    farewells_drop(oidcd);
    store_done(&oidcd->store);
    loopback_set_free(oidcd->loopbacks);
    providers_done(&oidcd->providers);
    apis_done(&oidcd->apis);
    http_free(oidcd->http);
    if (oidcd->fetches != NULL)
        http_loop_free(oidcd->fetches);
    sd_event_unref(oidcd->event);
}

int main(int argc, char **argv)
{
    struct oidcd oidcd = {0};
    const char *config = DEFAULT_CONFIG;
    int status = EXIT_FAILURE;

    if (argc == 3 && strcmp(argv[1], "--config") == 0) {
        config = argv[2];
    } else if (argc != 1) {
        fprintf(stderr, "usage: " PROTO_OIDCD " [--config DIR]   (started by cps-agent)\n");
        return EXIT_FAILURE;
    }
    hold_sigterm();
    worker_init(PROTO_OIDCD, CONFINE_NETWORK);
    if (!start(&oidcd, config))
        log_error("cannot start");
    else if (sd_event_loop(oidcd.event) >= 0)
        status = EXIT_SUCCESS;
    stop(&oidcd);
    return status;
}
