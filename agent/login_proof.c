/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/login_proof.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cards.h"
#include "agent/oidc.h"
#include "base/clock.h"
#include "base/json.h"

/* How far the clock of a provider may be from ours. */
#define CLOCKS_APART_S 30

void login_proof_done(struct login_proof *proof)
{
    json_decref(proof->amr);
    json_decref(proof->holder);
    json_decref(proof->card);
    json_decref(proof->revocation);
    json_decref(proof->psc);
    json_decref(proof->idp);
    json_decref(proof->tokens);
    practice_free(proof->practice);
    free(proof->acr);
    *proof = (struct login_proof){0};
}

void login_proof_refuse(struct agent *agent, struct login_proof *proof)
{
    const char *handle = json_get_string(proof->tokens, "handle");

    if (handle != NULL)
        oidc_logout(agent->oidc, handle);
    if (proof->reader != NULL)
        cards_logout(agent->cards, proof->reader);
    login_proof_done(proof);
}

static void date(json_t **part, int64_t auth_time_s)
{
    json_t *dated;

    if (*part == NULL || json_object_get(*part, "auth_time") != NULL)
        return;
    dated = json_copy(*part); /* it may be on its way to a subscriber */
    json_object_set_new(dated, "auth_time", json_integer(auth_time_s));
    json_decref(*part);
    *part = dated;
}

void login_proof_date_provider(struct login_proof *proof)
{
    date(&proof->psc, proof->auth_time_s);
    date(&proof->idp, proof->auth_time_s);
}

bool login_proof_is_reused(const struct login_proof *proof, int64_t age_s)
{
    bool remembered = strcmp(proof->method, "browser") == 0 || strcmp(proof->method, "proxy") == 0;

    return remembered && clock_real_s() - proof->auth_time_s > age_s + CLOCKS_APART_S;
}

bool login_proof_is_strong(const struct login_proof *proof)
{
    size_t i;
    const json_t *method;

    json_array_foreach (proof->amr, i, method)
        if (strcmp(json_string_value(method), "mfa") == 0)
            return true;
    return false;
}
