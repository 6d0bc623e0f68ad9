/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests of the agent that are under way. Each is answered once, a little before its
 * deadline at the latest; its answer frees the flow that worked for it.
 */
#ifndef OIDC_REQUEST_H
#define OIDC_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/fail.h"
#include "oidc/api.h"
#include "oidc/provider.h"
#include "oidc/store.h"

/* Requests under way at one time. */
#define REQUESTS_MAX 64

/* The answer leaves that long before the deadline, so that it arrives in time. */
#define REQUEST_MARGIN_MS 50

struct loopback_set;
struct farewell;
struct http_loop;

/* What every flow works with: made once in main, never freed before the requests. */
struct oidcd {
    sd_event *event;
    struct http *http;
    struct providers providers;
    struct apis apis;
    struct store store;
    struct loopback_set *loopbacks;
    struct http_loop *fetches;
    struct request *requests;
    unsigned n_requests;
    struct farewell *farewells; /* the newest first */
    unsigned n_farewells;
};

struct request {
    struct request *next;
    struct oidcd *oidcd;
    int64_t id;
    int fd;              /* what came along, or -1; closed with the request */
    int64_t deadline_ms; /* the agent's, less the margin */
    sd_event_source *timer;
    void *flow;
    void (*flow_free)(void *flow);     /* drops all that the flow waits for */
    void (*flow_deadline)(void *flow); /* answers the request; NULL: DEADLINE_EXCEEDED does */
    const char *user_id; /* CIBA: whose phone it rings (login_hint); borrowed from the flow */
    const struct provider *provider;
};

/* Starts to watch the deadline. NULL after having answered when there are too many or no memory. */
struct request *request_new(struct oidcd *oidcd, int64_t id, int64_t deadline_ms);

/*
 * Hands the flow over to the request: freed with it. Call it before the flow starts anything.
 */
void request_set_flow(struct request *request, void *flow, void (*flow_free)(void *),
                      void (*flow_deadline)(void *));

/*
 * Frees the flow and the request, and answers: the last thing that a flow does. request_reply
 * steals result.
 */
void request_reply(struct request *request, json_t *result);
void request_fail(struct request *request, const struct fail *fail);

/* Answers CANCELLED to the request of that id, if it is under way. */
void request_cancel(struct oidcd *oidcd, int64_t id);

/* True when another request already rings that person at that provider. */
bool request_rings(const struct oidcd *oidcd, const struct provider *provider, const char *user_id);

/* At exit: frees what is under way, without answers. */
void requests_drop(struct oidcd *oidcd);

#endif
