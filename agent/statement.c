/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/statement.h"

#include <openssl/rand.h>
#include <string.h>

#include "agent/identity.h"
#include "agent/keys.h"
#include "agent/session.h"
#include "agent/settings.h"
#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

static json_t *issuer(const struct agent *agent)
{
    char host[HOST_NAME_MAX + 1];

    return json_sprintf("urn:cps-agent:%s", settings_station(agent->config, host));
}

static void set_optional(json_t *claims, const char *key, json_t *value)
{
    if (value != NULL)
        json_object_set(claims, key, value);
}

/* Without what the statement says of the person at its top. */
static json_t *holder_part(const struct login_proof *proof)
{
    static const char *const told[] = {"source",          "national_id_type", "profession",
                                       "profession_code", "speciality",       "structure"};
    json_t *part = json_object();

    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        set_optional(part, told[i], json_object_get(proof->holder, told[i]));
    return part;
}

/* What was known of revocation, and how old that is now. */
static json_t *revocation_claim(const json_t *revocation)
{
    int64_t age_s = clock_real_s() - json_get_int(revocation, "as_of", 0);
    const char *source = json_get_string(revocation, "source");
    json_t *claim = json_pack("{s:s}", "source", source != NULL ? source : "none");

    if (json_get_int(revocation, "as_of", 0) > 0)
        json_object_set_new(claim, "age", json_integer(age_s > 0 ? age_s : 0));
    return claim;
}

static json_t *make_claims(struct agent *agent, const struct login_proof *proof, const char *jti)
{
    const char *national_id = json_get_string(proof->holder, "national_id");
    const char *subject = identity_subject(proof->holder);
    AUTO_JSON json_t *practice = practice_chosen(proof->practice);
    AUTO_JSON json_t *holder = holder_part(proof);
    json_t *claims = json_pack(
        "{s:o, s:s, s:s*, s:s, s:I, s:O, s:s, s:s, s:{s:s, s:I}}", "iss", issuer(agent), "sub",
        subject != NULL ? subject : "", "national_id", national_id, "jti", jti, "auth_time",
        (json_int_t)proof->auth_time_s, "amr", proof->amr, "method", proof->method, "presence",
        proof->reader != NULL ? "card" : "none", "session", "id", session_id(agent->session),
        "epoch", (json_int_t)session_epoch(agent->session));

    set_optional(claims, "name", json_object_get(proof->holder, "name"));
    set_optional(claims, "psc", proof->psc);
    set_optional(claims, "idp", proof->idp);
    set_optional(claims, "holder", holder);
    if (!json_is_null(practice))
        json_object_set(claims, "practice", practice);
    if (proof->acr != NULL)
        json_object_set_new(claims, "acr", json_string(proof->acr));
    if (proof->card != NULL) {
        json_t *card = json_copy(proof->card);

        json_object_del(card, "reader");
        json_object_set_new(claims, "card", card);
        json_object_set_new(claims, "revocation", revocation_claim(proof->revocation));
    }
    return claims;
}

cps_error statement_make(struct agent *agent, const struct statement_want *want, char **ret_jws,
                         int64_t *ret_expires_at_s, struct fail *fail)
{
    const struct login_proof *proof = session_proof(agent->session);
    AUTO_JSON json_t *claims = NULL;
    AUTO_FREE char *jti = NULL;
    int64_t now = clock_real_s();
    int64_t expires_at_s = now + (want->lifetime_s > 0 ? want->lifetime_s : STATEMENT_TTL_S);
    uint8_t random[16];
    char *jws;

    if (session_check(agent->session, fail) != CPS_OK)
        return fail->code;
    if (RAND_bytes(random, sizeof random) != 1 || (jti = b64_encode(random, sizeof random)) == NULL)
        return fail_set(fail, CPS_INTERNAL, "no random numbers");
    claims = make_claims(agent, proof, jti);
    json_object_set_new(claims, "aud", json_string(want->audience));
    json_object_set_new(claims, "nonce", json_string(want->nonce));
    if (want->counter_signer != NULL)
        json_object_set_new(json_object_get(claims, "card"), "x5t#S256",
                            json_string(want->counter_signer));
    json_object_set_new(claims, "iat", json_integer(now));
    json_object_set_new(claims, "exp", json_integer(expires_at_s));
    jws = keys_sign(agent->keys, STATEMENT_TYP, claims);
    if (jws == NULL)
        return fail_set(fail, CPS_INTERNAL, "cannot sign");
    session_touch(agent->session);
    *ret_jws = jws;
    *ret_expires_at_s = expires_at_s;
    return CPS_OK;
}
