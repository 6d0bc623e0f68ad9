/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/consent_text.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/util.h"

/* Longest text of the outside that is shown on a line. */
#define SHOWN_MAX 256

/* What a dialogue could take for more than text is masked; a long one is cut at its start. */
static const char *shown(const char *text, char line[SHOWN_MAX + 4])
{
    size_t len = strlen(text);

    if (len > SHOWN_MAX)
        snprintf(line, SHOWN_MAX + 4, "...%s", text + len - SHOWN_MAX);
    else
        snprintf(line, SHOWN_MAX + 4, "%s", text);
    for (char *c = line; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return line;
}

static const char *wish(bool english, enum policy_kind kind)
{
    static const char *const texts[POLICY_KINDS][2] = {
        [POLICY_STATEMENT] = {"demande une attestation de connexion", "asks for a login statement"},
        [POLICY_ACCESS_TOKEN] = {"demande un jeton d'accès", "asks for an access token"},
        [POLICY_ID_TOKEN] = {"demande un jeton d'identité", "asks for an identity token"},
        [POLICY_EXCHANGE] = {"demande un jeton d'accès à une autre API",
                             "asks for an access token to another API"},
        [POLICY_PROXY] = {"demande à envoyer des requêtes par le proxy e-Santé",
                          "asks to send requests through the e-Santé proxy"},
    };

    return texts[kind][english ? 1 : 0];
}

/* "https://page (program)", or the program. */
static json_t *asker(bool english, const struct consent_words *words)
{
    char program[SHOWN_MAX + 4], origin[SHOWN_MAX + 4];
    const char *unknown = english ? "A program that cannot be told" : "Un programme inconnu";

    if (words->program != NULL)
        shown(words->program, program);
    if (words->origin == NULL)
        return json_string(words->program != NULL ? program : unknown);
    return json_sprintf("%s (%s)", shown(words->origin, origin),
                        words->program != NULL ? program : unknown);
}

static json_t *description(bool english, const struct consent_words *words)
{
    AUTO_JSON json_t *who = asker(english, words);
    char audience[SHOWN_MAX + 4];
    const char *kept = english ? "\nThe answer will be remembered." : "\nLa réponse sera retenue.";

    shown(words->audience, audience);
    return json_sprintf(english ? "%s\n%s%s%s\nPerson logged in: %s\nAllow it?%s"
                                : "%s\n%s%s%s\nPersonne connectée : %s\nAutoriser ?%s",
                        json_string_value(who), wish(english, words->kind),
                        audience[0] == '\0' ? ""
                        : english           ? "\nfor "
                                            : "\npour ",
                        audience, words->person != NULL ? words->person : "?",
                        words->remembered ? kept : "");
}

json_t *consent_text(const json_t *display, const struct consent_words *words)
{
    const char *lang = json_get_string(display, "lang");
    bool english = lang != NULL && strncmp(lang, "en", 2) == 0;
    const char *refuse = english ? "Refuse" : "Refuser";
    json_t *params = json_pack("{s:s, s:o, s:s}", "title", english ? "Permission" : "Autorisation",
                               "description", description(english, words), "ok",
                               english ? "Allow" : "Autoriser");

    if (words->remembered) {
        json_object_set_new(params, "not_ok", json_string(refuse));
        json_object_set_new(params, "cancel", json_string(english ? "Not now" : "Pas maintenant"));
    } else {
        json_object_set_new(params, "cancel", json_string(refuse));
    }
    return params;
}
