/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discovery document and keys of a provider: fetched when first needed, kept, fetched again in the
 * background when old. Once known they stay usable whatever happens to the provider's documents.
 */
#ifndef OIDC_METADATA_H
#define OIDC_METADATA_H

#include <stdbool.h>

#include "oidc/provider.h"

/* Fetches of the keys that unknown key ids may cause in a minute. */
#define METADATA_KEY_FETCHES_MAX 3

/* True when endpoints and keys are known; when they are old, begins to fetch them again. */
bool metadata_ready(struct provider *provider);

/* Fetches what is missing. done is called when all is known, or with the reason why not. */
cps_error metadata_fetch(struct provider *provider, struct waiter *waiter, flight_done_fn *done,
                         void *user, struct fail *fail);

/*
 * Fetches the keys again, because a token names one that is not among them. False when that was
 * done too often of late, or cannot be: done is then not called.
 */
bool metadata_fetch_keys(struct provider *provider, struct waiter *waiter, flight_done_fn *done,
                         void *user);

#endif
