/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back end of kind esante-proxy: a server of the site talks to PSC and to national APIs, and
 * the session there is a cookie, which never leaves this process.
 */
#ifndef OIDC_ESANTE_H
#define OIDC_ESANTE_H

#include "oidc/request.h"

/* POST /connect: blocks at the proxy until the person has answered, two minutes or so. */
void esante_connect(struct request *request, struct provider *provider, const json_t *params);

/* A request to a national API through the proxy: /send/SERVICE/ENDPOINT. */
void esante_send(struct request *request, struct oidc_session *session, const json_t *params);

/* DELETE /disconnect. The session is forgotten whatever the proxy answers. */
void esante_disconnect(struct request *request, struct oidc_session *session);

#endif
