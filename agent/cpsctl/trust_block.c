/* SPDX-License-Identifier: Apache-2.0 */
/* The block list: one line in, one line out, comments and order left as they are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/text.h"
#include "agent/cpsctl/trust_cmd.h"
#include "agent/trust/blocklist.h"
#include "agent/trust/lines.h"
#include "agent/trust/replace.h"
#include "base/json.h"
#include "base/util.h"

static void cleanup_list(struct blocklist **list)
{
    blocklist_free(*list);
}

#define AUTO_LIST CLEANUP(cleanup_list)

/* The one of --card, --certificate and --person that was given, in its one form. */
static bool wanted(const struct trust_cmd *cmd, struct blocked *ret_wanted)
{
    unsigned n = 0;

    for (enum blocked_kind kind = BLOCKED_CARD; kind < BLOCKED_KINDS; kind++) {
        const char *text = json_get_string(cmd->options, blocked_kind_name(kind));

        if (text == NULL)
            continue;
        n++;
        ret_wanted->kind = kind;
        if (!blocked_normal(kind, text, ret_wanted->value))
            n = 2;
    }
    if (n == 1)
        return true;
    text_line(stderr, "%s",
              _("cpsctl: un numéro de carte ou de certificat, ou un identifiant, est attendu"));
    return false;
}

/* All of the list as text, "" when there is none; it has been read without mistake before. */
static char *read_text(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, LINES_FILE_MAX + 1);

    if (file != NULL && text != NULL)
        text[fread(text, 1, LINES_FILE_MAX, file)] = '\0';
    if (file != NULL)
        fclose(file);
    return text;
}

static bool is_entry(const char *line, size_t len, const struct blocked *entry)
{
    char copy[LINES_TEXT_MAX], value[BLOCKED_VALUE_SIZE];
    char *rest = copy;

    if (len >= sizeof copy)
        return false;
    memcpy(copy, line, len);
    copy[len] = '\0';
    rest += strspn(rest, " \t");
    return blocked_kind_of(lines_word(&rest)) == entry->kind &&
           blocked_normal(entry->kind, lines_word(&rest), value) &&
           strcmp(value, entry->value) == 0;
}

/* The text without the lines of that entry. */
static void drop_lines(char *text, const struct blocked *entry)
{
    char *to = text;

    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        size_t whole = len + (text[len] == '\n' ? 1 : 0);

        if (!is_entry(text, len, entry)) {
            memmove(to, text, whole);
            to += whole;
        }
        text += whole;
    }
    *to = '\0';
}

static cps_error append(char **text, const struct blocked *entry, const char *note,
                        struct fail *fail)
{
    size_t len = strlen(*text);
    char *longer = NULL;

    if (note[0] != '\0' && (!lines_valid_text(note) || strlen(note) > LINES_TEXT_MAX - 128))
        return fail_set(fail, CPS_INVALID_PARAMS, "not the text of a note");
    if (asprintf(&longer, "%s%s%s %s%s%s\n", *text, len > 0 && (*text)[len - 1] != '\n' ? "\n" : "",
                 blocked_kind_name(entry->kind), entry->value, note[0] != '\0' ? " " : "",
                 note) < 0)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    free(*text);
    *text = longer;
    return CPS_OK;
}

/* Puts the entry on the list, or takes it off. *ret_changed: false when there was nothing to do. */
static cps_error edit(const struct trust_cmd *cmd, const struct blocked *entry, bool block,
                      bool *ret_changed, struct fail *fail)
{
    AUTO_LIST struct blocklist *list = NULL;
    AUTO_FREE char *text = NULL;
    AUTO_CLOSE int lock = -1;
    const char *note = json_get_string(cmd->options, "note");
    AUTO_FREE char *path = trust_path(cmd->config, BLOCKLIST_FILE);
    bool there;

    if (replace_directory(cmd->config, fail) != CPS_OK ||
        (lock = replace_lock(cmd->config, fail)) < 0 || blocklist_read(path, &list, fail) != CPS_OK)
        return fail->code;
    there = blocklist_find(list, entry->kind, entry->value) != NULL;
    *ret_changed = there != block;
    if (there == block)
        return CPS_OK;
    text = read_text(path);
    if (text == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    if (!block)
        drop_lines(text, entry);
    else if (append(&text, entry, note != NULL ? note : "", fail) != CPS_OK)
        return fail->code;
    return replace_file(cmd->config, BLOCKLIST_FILE, text, strlen(text), fail);
}

static int run(const struct trust_cmd *cmd, bool block)
{
    struct blocked entry = {0};
    struct fail fail = FAIL_INIT;
    bool changed;

    if (!wanted(cmd, &entry))
        return EXIT_USAGE;
    if (edit(cmd, &entry, block, &changed, &fail) != CPS_OK)
        return trust_explain(cmd, &fail);
    if (cmd->json) {
        AUTO_JSON json_t *result = json_pack("{s:b, s:b}", "blocked", block, "changed", changed);

        text_json(result);
    } else if (!changed) {
        text_line(stdout, "%s", block ? _("Déjà sur la liste.") : _("N'est pas sur la liste."));
    } else {
        text_line(stdout, "%s", block ? _("Bloqué sur ce poste.") : _("N'est plus bloqué."));
    }
    return EXIT_DONE;
}

int trust_block(const struct trust_cmd *cmd)
{
    return run(cmd, true);
}

int trust_unblock(const struct trust_cmd *cmd)
{
    return run(cmd, false);
}

int trust_blocked(const struct trust_cmd *cmd)
{
    AUTO_LIST struct blocklist *list = NULL;
    AUTO_JSON json_t *shown = json_array();
    struct fail fail = FAIL_INIT;
    AUTO_FREE char *path = trust_path(cmd->config, BLOCKLIST_FILE);

    if (blocklist_read(path, &list, &fail) != CPS_OK)
        return trust_explain(cmd, &fail);
    for (size_t i = 0; i < list->n; i++) {
        const struct blocked *entry = &list->entries[i];

        json_array_append_new(shown,
                              json_pack("{s:s, s:s, s:s}", "kind", blocked_kind_name(entry->kind),
                                        "value", entry->value, "note", entry->note));
        if (!cmd->json)
            text_line(stdout, "%-11s %s  %s", blocked_kind_name(entry->kind), entry->value,
                      entry->note);
    }
    if (cmd->json) {
        AUTO_JSON json_t *result = json_pack("{s:O}", "blocked", shown);

        text_json(result);
    } else if (list->n == 0) {
        text_line(stdout, "%s", _("Personne n'est bloqué sur ce poste."));
    }
    return EXIT_DONE;
}
