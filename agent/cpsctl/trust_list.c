/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/text.h"
#include "agent/cpsctl/trust_cmd.h"
#include "agent/trust/replace.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

json_t *trust_entry_json(const struct store_entry *entry)
{
    struct tm until = {0};
    int64_t not_after = 0;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(entry->certificate), &until) == 1)
        not_after = (int64_t)timegm(&until);
    return json_pack("{s:s, s:s, s:s, s:b, s:I, s:s*}", "name", entry->name, "fingerprint",
                     entry->fingerprint, "origin", store_origin_name(entry->origin), "anchor",
                     store_is_anchor(entry->certificate), "not_after", (json_int_t)not_after,
                     "file", entry->file);
}

static const char *origin_text(const char *origin)
{
    if (strcmp(origin, "pinned") == 0)
        return _("connue du programme");
    if (strcmp(origin, "approved") == 0)
        return _("approuvée sur ce poste");
    return _("de TEST");
}

static void show(const json_t *entry)
{
    char until[TEXT_TIME_LEN];
    int64_t not_after = json_get_int(entry, "not_after", 0);

    text_line(stdout, "%s", json_get_string(entry, "name"));
    text_line(stdout, _("  %s, %s, jusqu'au %s%s"),
              json_get_bool(entry, "anchor", false) ? _("racine") : _("intermédiaire"),
              origin_text(json_get_string(entry, "origin")), text_time(not_after, until),
              not_after < clock_real_s() ? _(" (EXPIRÉE)") : "");
    text_line(stdout, "  SHA-256 %s", json_get_string(entry, "fingerprint"));
}

int trust_list(const struct trust_cmd *cmd)
{
    AUTO_STORE struct store *store = NULL;
    AUTO_JSON json_t *list = json_array();
    struct fail fail = FAIL_INIT;
    const json_t *entry;
    size_t i;

    if (store_read(cmd->store, true, &store, &fail) != CPS_OK)
        return trust_explain(cmd, &fail);
    for (i = 0; i < store->n; i++)
        json_array_append_new(list, trust_entry_json(&store->entries[i]));
    if (cmd->json) {
        AUTO_JSON json_t *result = json_pack("{s:O}", "authorities", list);

        text_json(result);
        return EXIT_DONE;
    }
    json_array_foreach (list, i, entry)
        show(entry);
    if (store->n == 0)
        text_line(stdout, "%s", _("Aucune autorité : toute carte est refusée."));
    return EXIT_DONE;
}

/* Brings the entries that are to stay in the file to the front and counts them. */
static bool drop(struct store *store, const char *path, const char *fingerprint, size_t *ret_kept)
{
    bool found = false;
    size_t kept = 0;

    for (size_t i = 0; i < store->n; i++) {
        struct store_entry entry = store->entries[i];
        bool in_file = strcmp(entry.file, path) == 0;
        bool wanted = strcmp(entry.fingerprint, fingerprint) == 0;

        found |= in_file && wanted;
        if (in_file && !wanted) {
            store->entries[i] = store->entries[kept];
            store->entries[kept++] = entry;
        }
    }
    *ret_kept = kept;
    return found;
}

static cps_error forget_approval(const struct trust_cmd *cmd, const char *fingerprint,
                                 struct fail *fail)
{
    AUTO_APPROVALS struct approvals approvals = {0};
    size_t kept = 0;

    if (approvals_read(cmd->store, &approvals, fail) != CPS_OK ||
        approvals_name(&approvals, fingerprint) == NULL)
        return fail->code;
    for (size_t i = 0; i < approvals.n; i++) {
        struct approval entry = approvals.list[i];

        if (strcmp(entry.fingerprint, fingerprint) == 0)
            free(entry.name);
        else
            approvals.list[kept++] = entry;
    }
    approvals.n = kept;
    return trust_write_approvals(cmd->store, &approvals, fail);
}

static cps_error remove_one(const struct trust_cmd *cmd, bool test, const char *fingerprint,
                            struct fail *fail)
{
    AUTO_STORE struct store *store = NULL;
    AUTO_CLOSE int lock = replace_lock(cmd->store, fail);
    AUTO_FREE char *directory = trust_directory(cmd, test);
    AUTO_FREE char *path = trust_path(directory, TRUST_FILE);
    size_t kept;

    if (lock < 0 || store_read(cmd->store, true, &store, fail) != CPS_OK)
        return fail->code;
    if (!drop(store, path, fingerprint, &kept)) {
        for (size_t i = 0; i < store->n; i++)
            if (strcmp(store->entries[i].fingerprint, fingerprint) == 0)
                return fail_set(fail, CPS_INVALID_PARAMS, "it is in %s: edit that file",
                                store->entries[i].file);
        return fail_set(fail, CPS_INVALID_PARAMS, "no such authority: %s", fingerprint);
    }
    if (trust_write_certificates(directory, store->entries, kept, fail) != CPS_OK)
        return fail->code;
    return test ? CPS_OK : forget_approval(cmd, fingerprint, fail);
}

int trust_remove(const struct trust_cmd *cmd)
{
    char fingerprint[FINGERPRINT_SIZE];
    struct fail fail = FAIL_INIT;

    if (cmd->word == NULL || fingerprint_parse(cmd->word, fingerprint) < 0) {
        text_line(stderr, "%s", _("cpsctl: une empreinte SHA-256 est attendue"));
        return EXIT_USAGE;
    }
    if (remove_one(cmd, json_get_bool(cmd->options, "test", false), fingerprint, &fail) != CPS_OK)
        return trust_explain(cmd, &fail);
    if (cmd->json) {
        AUTO_JSON json_t *result = json_pack("{s:s}", "removed", fingerprint);

        text_json(result);
    } else {
        text_line(stdout, "%s", _("Autorité retirée."));
    }
    return EXIT_DONE;
}
