/* SPDX-License-Identifier: Apache-2.0 */
/* cpsctl policy: the rules for programs, what was answered about them, and taking that back. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/show.h"
#include "agent/cpsctl/text.h"
#include "agent/cpsctl/words.h"
#include "base/json.h"
#include "base/util.h"

static const struct text_word verdicts[] = {
    {"refuse", N_("refusé")},
    {"ask", N_("demandé à la personne connectée")},
    {"allow", N_("permis")},
    {0},
};

static const struct text_word origins[] = {
    {"site", N_("du site")}, {"user", N_("de l'utilisateur")}, {0}};

static const char *or_dash(const json_t *object, const char *key)
{
    const char *text = json_get_string(object, key);

    return text != NULL && text[0] != '\0' ? text : "-";
}

static void show_section(const json_t *section)
{
    json_t *keys = json_get_object(section, "keys");
    const char *whole = json_get_string(section, "part_of");
    const char *key;
    json_t *value;

    text_line(stdout, _("[%s] %s, fichier %s"), or_dash(section, "section"),
              text_word(origins, or_dash(section, "origin")), or_dash(section, "file"));
    if (whole != NULL)
        text_line(stdout, _("  pour ces destinataires ; le reste comme dans [%s]"), whole);
    json_object_foreach (keys, key, value)
        text_line(stdout, "  %s = %s", key, json_string_value(value));
}

static void show_answer(const json_t *answer)
{
    const char *origin = json_get_string(answer, "origin");
    char at[TEXT_TIME_LEN];

    text_line(stdout, _("%4lld  %s : %s, %s%s%s"), (long long)json_get_int(answer, "id", 0),
              json_get_bool(answer, "allowed", false) ? _("permis") : _("refusé"),
              text_word(words_kinds, or_dash(answer, "kind")), or_dash(answer, "audience"),
              origin != NULL ? ", " : "", origin != NULL ? origin : "");
    text_line(stdout, "      %s, %s%s", or_dash(answer, "program"),
              text_time(json_get_int(answer, "at", 0), at),
              json_get_bool(answer, "mine", false) ? "" : _(", par une autre personne"));
}

static void show_list(const json_t *policy)
{
    const json_t *item;
    size_t i;

    text_line(stdout, _("Sans règle : %s"), text_word(verdicts, or_dash(policy, "unknown")));
    show_program_rules(policy);
    json_array_foreach (json_get_array(policy, "rules"), i, item)
        show_section(item);
    if (json_array_size(json_get_array(policy, "answers")) == 0)
        text_line(stdout, "%s", _("Aucune réponse retenue."));
    else
        text_line(stdout, "%s", _("Réponses retenues (cpsctl policy revoke NUMÉRO) :"));
    json_array_foreach (json_get_array(policy, "answers"), i, item)
        show_answer(item);
}

/* The sections that hold; of which there are more, when the audience decides. */
static void show_sections(const json_t *check, bool any_audience)
{
    const json_t *parts = json_get_array(check, "parts");
    const json_t *part;
    size_t i;

    if (json_get_object(check, "site") != NULL)
        show_section(json_get_object(check, "site"));
    if (json_get_object(check, "user") != NULL)
        show_section(json_get_object(check, "user"));
    if (json_get_object(check, "site") == NULL && json_get_object(check, "user") == NULL)
        text_line(stdout, "%s", _("Aucune règle ne nomme ce programme."));
    if (!any_audience || json_array_size(parts) == 0)
        return;
    text_line(stdout, "%s", _("Pour certains destinataires (--audience) :"));
    json_array_foreach (parts, i, part)
        show_section(part);
    text_line(stdout, "%s", _("Pour les autres :"));
}

static void show_check(const json_t *check)
{
    json_t *decisions = json_get_object(check, "decisions");
    const json_t *method;
    const char *kind;
    json_t *verdict;
    size_t i;

    show_sections(check, json_object_get(decisions, "statement") == NULL);
    json_object_foreach (decisions, kind, verdict)
        text_line(stdout, _("%s : %s"), text_word(words_kinds, kind),
                  text_word(verdicts, json_string_value(verdict)));
    text_line(stdout, _("durée des attestations : %lld s"),
              (long long)json_get_int(check, "lifetime_s", 0));
    if (!json_get_bool(check, "interaction", true))
        text_line(stdout, "%s", _("il ne peut faire poser aucune question"));
    if (json_get_bool(check, "origins", false))
        text_line(stdout, "%s", _("il parle pour des pages web"));
    fputs(_("méthodes :"), stdout);
    json_array_foreach (json_get_array(check, "methods"), i, method)
        printf(" %s", json_string_value(method));
    putchar('\n');
}

static void show_revoked(const json_t *result)
{
    text_line(stdout, _("Réponses retirées : %lld"), (long long)json_get_int(result, "revoked", 0));
}

static int call(struct cpsctl *ctl, const char *method, json_t *params,
                void (*show)(const json_t *result))
{
    AUTO_JSON json_t *result = NULL;
    int status = cpsctl_call(ctl, method, params, CPS_AGENT_TIMEOUT_MS, &result);

    if (status != EXIT_DONE)
        return status;
    if (ctl->json)
        text_json(result);
    else
        show(result);
    return EXIT_DONE;
}

static int usage(json_t *params, const char *message)
{
    json_decref(params);
    text_line(stderr, "cpsctl: %s", message);
    return EXIT_USAGE;
}

static int list(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {{0}};
    json_t *params = options_read(rows, argc, argv);

    return params != NULL ? call(ctl, "policy.list", params, show_list) : EXIT_USAGE;
}

/*
 * The executable itself: programs are known by what runs, never by a link to it, such as
 * /usr/bin/python3. A path at which there is nothing yet stays as it is.
 */
static json_t *executable(const struct cpsctl *ctl, const char *program)
{
    char path[PATH_MAX];

    if (realpath(program, path) == NULL || strcmp(program, path) == 0)
        return json_string(program);
    if (!ctl->json)
        text_line(stdout, _("%s est un lien vers %s"), program, path);
    return json_string(path);
}

static int check(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {
        {"--audience", "audience", OPTION_TEXT, NULL},
        {"--origin", "origin", OPTION_TEXT, NULL},
        {"--unit", "unit", OPTION_TEXT, NULL},
        {"--app", "app", OPTION_TEXT, NULL},
        {0},
    };
    const char *program = NULL;
    json_t *params = options_read_word(rows, argc, argv, &program);

    if (params == NULL)
        return EXIT_USAGE;
    if (program == NULL || program[0] != '/')
        return usage(params, _("il faut le chemin d'un programme depuis la racine"));
    json_object_set_new(params, "program", executable(ctl, program));
    return call(ctl, "policy.check", params, show_check);
}

static int take_back(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {
        {"--program", "program", OPTION_TEXT, NULL},
        {"--all", "all", OPTION_TRUE, NULL},
        {0},
    };
    const char *word = NULL;
    json_t *params = options_read_word(rows, argc, argv, &word);
    bool all;

    if (params == NULL)
        return EXIT_USAGE;
    all = json_get_bool(params, "all", false);
    json_object_del(params, "all");
    if ((word != NULL) + (json_object_get(params, "program") != NULL) + all != 1)
        return usage(params, _("il faut un numéro, --program ou --all"));
    if (word != NULL && options_number(word) == 0)
        return usage(params, _("ce n'est pas le numéro d'une réponse"));
    if (word != NULL)
        json_object_set_new(params, "id", json_integer(options_number(word)));
    return call(ctl, "policy.revoke", params, show_revoked);
}

int command_policy(struct cpsctl *ctl, int argc, char **argv)
{
    const char *what = argc > 0 ? argv[0] : "list";

    if (argc == 0 || strcmp(what, "list") == 0)
        return list(ctl, argc > 0 ? argc - 1 : 0, argc > 0 ? argv + 1 : argv);
    if (strcmp(what, "check") == 0)
        return check(ctl, argc - 1, argv + 1);
    if (strcmp(what, "revoke") == 0)
        return take_back(ctl, argc - 1, argv + 1);
    return usage(NULL, _("policy list, check ou revoke"));
}
