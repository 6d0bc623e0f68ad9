/* SPDX-License-Identifier: Apache-2.0 */
/* What of a request to a national API a program may decide. */
#ifndef OIDC_ESANTE_PATH_H
#define OIDC_ESANTE_PATH_H

#include <stdbool.h>

#define ESANTE_PATH_MAX 800

/*
 * "/send/SERVICE/ENDPOINT". A program must not leave what /send gives: no segment of dots, however
 * it is written, and nothing that a server could read as one. False when it is not plain.
 */
bool esante_path(const char *service, const char *endpoint, char path[static ESANTE_PATH_MAX]);

/* GET, POST, PUT, PATCH or DELETE. */
bool esante_method(const char *method);

/* A short header value of printable ASCII. */
bool esante_header(const char *value);

#endif
