/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi interface on an sd-event loop: descriptors and the one timer, no policy. */
#ifndef OIDC_HTTP_LOOP_H
#define OIDC_HTTP_LOOP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

struct http_loop;

/* Called for each transfer that ended; it may remove that transfer or any other, and add some. */
typedef void http_loop_fn(CURL *easy, CURLcode code);

struct http_loop *http_loop_new(sd_event *event, http_loop_fn *finished);

/* Every transfer must have been removed before. */
void http_loop_free(struct http_loop *loop);

bool http_loop_add(struct http_loop *loop, CURL *easy);
void http_loop_remove(struct http_loop *loop, CURL *easy);

#endif
