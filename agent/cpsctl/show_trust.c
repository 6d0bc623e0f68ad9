/* SPDX-License-Identifier: Apache-2.0 */
/* What "status" says of authorities, revocation and blocking. */
#include <stdio.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/show.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"

static const char *state_text(const json_t *list)
{
    const char *state = json_get_string(list, "state");

    if (json_get_bool(list, "busy", false))
        return _("en cours de lecture");
    if (state != NULL && strcmp(state, "fresh") == 0)
        return _("à jour");
    if (state != NULL && strcmp(state, "stale") == 0)
        return _("PÉRIMÉE");
    return _("ABSENTE");
}

/* "3 h", "2 d": the largest unit that says something. */
static const char *age_text(int64_t age_s, char *buffer, size_t size)
{
    if (age_s < 0)
        snprintf(buffer, size, "0 s");
    else if (age_s < 120)
        snprintf(buffer, size, "%lld s", (long long)age_s);
    else if (age_s < 2 * 3600)
        snprintf(buffer, size, "%lld min", (long long)age_s / 60);
    else if (age_s < 2 * 86400)
        snprintf(buffer, size, "%lld h", (long long)age_s / 3600);
    else
        snprintf(buffer, size, _("%lld j"), (long long)age_s / 86400);
    return buffer;
}

/* "DOWNLOAD_FAILED: no answer": the error in words, then what was observed. */
static void show_list_error(const char *error)
{
    const char *cause = strstr(error, ": ");
    char name[64];

    snprintf(name, sizeof name, "%.*s", (int)strcspn(error, ":"), error);
    text_line(stdout, "    %s", text_error(name));
    if (cause != NULL)
        text_line(stdout, _("    (pour le support : %s)"), cause + 2);
}

static void show_list(const json_t *list)
{
    const char *url = json_get_string(list, "url");
    const char *error = json_get_string(list, "error");
    char age[32];

    if (json_object_get(list, "age_s") != NULL)
        text_line(stdout, _("  %s : %s, émise il y a %s, %lld certificats"),
                  url != NULL ? url : "-", state_text(list),
                  age_text(json_get_int(list, "age_s", 0), age, sizeof age),
                  (long long)json_get_int(list, "entries", 0));
    else
        text_line(stdout, _("  %s : %s"), url != NULL ? url : "-", state_text(list));
    if (error != NULL)
        show_list_error(error);
}

static const char *policy_text(const char *policy)
{
    if (strcmp(policy, "off") == 0)
        return _("non vérifiée");
    if (strcmp(policy, "crl") == 0)
        return _("par listes");
    if (strcmp(policy, "ocsp") == 0)
        return _("par OCSP");
    return _("par listes et par OCSP");
}

void show_revocation(const json_t *revocation)
{
    const char *policy = json_get_string(revocation, "policy");
    const char *offline = json_get_string(revocation, "offline");
    bool closed = offline != NULL && strcmp(offline, "closed") == 0;
    const json_t *list;
    size_t i;

    if (policy == NULL)
        return;
    if (strcmp(policy, "off") == 0)
        text_line(stdout, _("Révocation : %s"), policy_text(policy));
    else
        text_line(stdout, _("Révocation : %s ; sans réponse : %s"), policy_text(policy),
                  closed ? _("connexion refusée") : _("connexion permise"));
    json_array_foreach (json_get_array(revocation, "lists"), i, list)
        show_list(list);
}

void show_trust(const json_t *trust)
{
    const json_t *blocked = json_get_object(trust, "blocked");
    const char *store_error = json_get_string(trust, "error");
    const char *list_error = json_get_string(blocked, "error");

    if (json_get_bool(trust, "test", false))
        text_line(stdout, "%s", _("Attention : des autorités de TEST sont acceptées."));
    if (store_error != NULL)
        text_line(stdout, _("Attention : le magasin d'autorités n'est pas utilisable (%s)."),
                  store_error);
    if (json_get_int(blocked, "entries", 0) > 0)
        text_line(stdout, _("Liste de blocage : %lld"),
                  (long long)json_get_int(blocked, "entries", 0));
    if (list_error != NULL)
        text_line(stdout, _("Attention : la liste de blocage a une erreur (%s)."), list_error);
    show_revocation(json_get_object(trust, "revocation"));
}
