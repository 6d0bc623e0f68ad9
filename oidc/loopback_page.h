/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the loopback listener answers: complete HTTP answers, fixed texts. Nothing of a request is
 * ever in them; no script, no outside resource, nothing kept in caches.
 */
#ifndef OIDC_LOOPBACK_PAGE_H
#define OIDC_LOOPBACK_PAGE_H

#include "oidc/buffer.h"
#include "oidc/loopback_request.h"

/* The callback was the one awaited: sends the browser to the page, away from the code in its URL.
 */
bool loopback_answer_accepted(struct buffer *answer, const char *page);

/* The callback was not the one awaited. */
bool loopback_answer_stray(struct buffer *answer);

/* The page at the end, or the error of any other verdict. */
bool loopback_answer(struct buffer *answer, enum loopback_verdict verdict);

#endif
