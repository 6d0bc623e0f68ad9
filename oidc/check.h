/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The "check" operation: what a provider answers, and what of it differs from the profile. It asks
 * as a login would, but logs nobody in. What it finds is told in words that callers translate.
 */
#ifndef OIDC_CHECK_H
#define OIDC_CHECK_H

#include "oidc/request.h"

void check_start(struct request *request, struct provider *provider);

#endif
