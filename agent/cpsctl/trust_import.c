/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle of authorities into the store. Where it comes from proves nothing: each certificate is
 * taken for its fingerprint alone, pinned in this program or approved by name.
 */
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/text.h"
#include "agent/cpsctl/trust_cmd.h"
#include "agent/trust/bundle.h"
#include "agent/trust/lines.h"
#include "agent/trust/replace.h"
#include "base/json.h"
#include "base/util.h"

struct import {
    const struct trust_cmd *cmd;
    bool test;
    char *directory;
    STACK_OF(X509) * bundle;
    struct approvals approvals;
    bool approvals_changed;
    struct store_entry *entries; /* what the file will hold: first what it holds */
    size_t n;
    size_t n_before;
    json_t *taken;    /* of this bundle */
    json_t *left_out; /* nobody vouches for them */
};

static void import_done(struct import *import)
{
    for (size_t i = 0; i < import->n; i++) {
        X509_free(import->entries[i].certificate);
        free(import->entries[i].name);
    }
    free(import->entries);
    free(import->directory);
    approvals_done(&import->approvals);
    sk_X509_pop_free(import->bundle, X509_free);
    json_decref(import->taken);
    json_decref(import->left_out);
}

static cps_error read_bundle(struct import *import, struct fail *fail)
{
    const char *from = import->cmd->word;
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    cps_error error;

    if (from == NULL)
        from = PINS_BUNDLE_URL;
    if (strncmp(from, "http://", 7) == 0 || strncmp(from, "https://", 8) == 0)
        error = trust_download(import->cmd, from, &data, &len, fail);
    else
        error = bundle_read(from, &data, &len, fail);
    if (error != CPS_OK)
        return error;
    if (bundle_parse(data, len, &import->bundle, fail) != CPS_OK)
        return fail_add(fail, "%s", from);
    return CPS_OK;
}

static bool held(const struct import *import, const char *fingerprint)
{
    for (size_t i = 0; i < import->n; i++)
        if (strcmp(import->entries[i].fingerprint, fingerprint) == 0)
            return true;
    return false;
}

static cps_error add(struct import *import, X509 *certificate, enum store_origin origin,
                     const char *name, struct fail *fail)
{
    struct store_entry *entry =
        reallocarray(import->entries, import->n + 1, sizeof *import->entries);

    if (entry == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    import->entries = entry;
    entry += import->n++;
    X509_up_ref(certificate);
    *entry = (struct store_entry){.certificate = certificate, .origin = origin};
    fingerprint_of(certificate, entry->fingerprint);
    entry->name = name != NULL ? strdup(name) : store_subject(certificate);
    return entry->name != NULL ? CPS_OK : fail_set(fail, CPS_INTERNAL, "out of memory");
}

/* What the file holds already stays in it. */
static cps_error read_present(struct import *import, struct fail *fail)
{
    AUTO_STORE struct store *store = NULL;
    AUTO_FREE char *path = trust_path(import->directory, TRUST_FILE);

    if (store_read(import->cmd->store, import->test, &store, fail) != CPS_OK)
        return fail->code;
    for (size_t i = 0; i < store->n; i++) {
        const struct store_entry *entry = &store->entries[i];

        if (strcmp(entry->file, path) == 0 &&
            add(import, entry->certificate, entry->origin, entry->name, fail) != CPS_OK)
            return fail->code;
    }
    import->n_before = import->n;
    return import->test ? CPS_OK : approvals_read(import->cmd->store, &import->approvals, fail);
}

/* --approve: the bundle must hold that certificate, and the name is the administrator's. */
static cps_error approve(struct import *import, struct fail *fail)
{
    const char *given = json_get_string(import->cmd->options, "approve");
    const char *name = json_get_string(import->cmd->options, "name");
    struct approval new = {.name = NULL};
    struct approval *longer;
    bool there = false;

    if (given == NULL && name == NULL)
        return CPS_OK;
    if (given == NULL || name == NULL || import->test)
        return fail_set(fail, CPS_INVALID_PARAMS, "--approve and --name go together");
    if (fingerprint_parse(given, new.fingerprint) < 0)
        return fail_set(fail, CPS_INVALID_PARAMS, "not a SHA-256 fingerprint: %s", given);
    if (name[strspn(name, " \t")] == '\0' || !lines_valid_text(name))
        return fail_set(fail, CPS_INVALID_PARAMS, "not a name");
    for (int i = 0; i < sk_X509_num(import->bundle); i++) {
        char fingerprint[FINGERPRINT_SIZE];

        fingerprint_of(sk_X509_value(import->bundle, i), fingerprint);
        there |= strcmp(fingerprint, new.fingerprint) == 0;
    }
    if (!there)
        return fail_set(fail, CPS_INVALID_PARAMS, "%s is not among the certificates given", given);
    if (pins_name(new.fingerprint) != NULL ||
        approvals_name(&import->approvals, new.fingerprint) != NULL)
        return CPS_OK;
    new.name = strdup(name + strspn(name, " \t"));
    longer = reallocarray(import->approvals.list, import->approvals.n + 1, sizeof *longer);
    if (longer == NULL || new.name == NULL) {
        free(new.name);
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    }
    import->approvals.list = longer;
    import->approvals.list[import->approvals.n++] = new;
    import->approvals_changed = true;
    return CPS_OK;
}

static void leave_out(struct import *import, X509 *certificate, const char *fingerprint)
{
    AUTO_FREE char *subject = store_subject(certificate);

    json_array_append_new(import->left_out,
                          json_pack("{s:s, s:s*}", "fingerprint", fingerprint, "name", subject));
}

static cps_error take(struct import *import, X509 *certificate, struct fail *fail)
{
    char fingerprint[FINGERPRINT_SIZE];
    enum store_origin origin = STORE_IS_PINNED;
    const char *name;

    fingerprint_of(certificate, fingerprint);
    name = pins_name(fingerprint);
    if (import->test) {
        origin = STORE_IS_TEST;
        name = NULL;
    } else if (name == NULL) {
        origin = STORE_IS_APPROVED;
        name = approvals_name(&import->approvals, fingerprint);
    }
    if ((name == NULL && !import->test) || X509_check_ca(certificate) == 0) {
        leave_out(import, certificate, fingerprint);
        return CPS_OK;
    }
    if (!held(import, fingerprint) && add(import, certificate, origin, name, fail) != CPS_OK)
        return fail->code;
    for (size_t i = 0; i < import->n; i++)
        if (strcmp(import->entries[i].fingerprint, fingerprint) == 0)
            json_array_append_new(import->taken, trust_entry_json(&import->entries[i]));
    return CPS_OK;
}

/* Approvals first: an approval without its certificate harms nobody, the other way round does. */
static cps_error save(struct import *import, struct fail *fail)
{
    if (json_array_size(import->taken) == 0) {
        fail_set(fail, CPS_CERTIFICATE_UNTRUSTED,
                 "none of the %d certificates is pinned or approved", sk_X509_num(import->bundle));
        return fail_add(fail, "cpsctl trust import … --approve FINGERPRINT --name NAME");
    }
    if (import->approvals_changed &&
        trust_write_approvals(import->directory, &import->approvals, fail) != CPS_OK)
        return fail->code;
    if (import->n == import->n_before)
        return CPS_OK;
    return trust_write_certificates(import->directory, import->entries, import->n, fail);
}

static cps_error run(struct import *import, struct fail *fail)
{
    const struct trust_cmd *cmd = import->cmd;
    AUTO_CLOSE int lock = -1;

    import->directory = trust_directory(cmd, import->test);
    if (read_bundle(import, fail) != CPS_OK || replace_directory(cmd->config, fail) != CPS_OK ||
        replace_directory(cmd->store, fail) != CPS_OK ||
        replace_directory(import->directory, fail) != CPS_OK)
        return fail->code;
    lock = replace_lock(cmd->store, fail);
    if (lock < 0 || read_present(import, fail) != CPS_OK || approve(import, fail) != CPS_OK)
        return fail->code;
    for (int i = 0; i < sk_X509_num(import->bundle); i++)
        if (take(import, sk_X509_value(import->bundle, i), fail) != CPS_OK)
            return fail->code;
    return save(import, fail);
}

static void show(const struct import *import)
{
    const json_t *entry;
    size_t i;

    if (import->cmd->json) {
        AUTO_JSON json_t *result =
            json_pack("{s:O, s:O, s:i}", "imported", import->taken, "left_out", import->left_out,
                      "new", (int)(import->n - import->n_before));
        text_json(result);
        return;
    }
    json_array_foreach (import->taken, i, entry)
        text_line(stdout, "%s", json_get_string(entry, "name"));
    text_line(stdout, _("%zu autorités reconnues, dont %zu nouvelles."),
              json_array_size(import->taken), import->n - import->n_before);
    json_array_foreach (import->left_out, i, entry)
        text_line(stdout, _("Laissée de côté : %s, %s"), json_get_string(entry, "name"),
                  json_get_string(entry, "fingerprint"));
    if (import->test)
        text_line(stdout, "%s",
                  _("Autorités de TEST : acceptées si la configuration dit [trust] test = yes."));
}

int trust_import(const struct trust_cmd *cmd)
{
    CLEANUP(import_done) struct import import = {.cmd = cmd};
    struct fail fail = FAIL_INIT;

    if ((cmd->word == NULL) != json_get_bool(cmd->options, "official", false)) {
        text_line(stderr, "%s", _("cpsctl: un fichier, une adresse, ou --official"));
        return EXIT_USAGE;
    }
    import.test = json_get_bool(cmd->options, "test", false);
    import.taken = json_array();
    import.left_out = json_array();
    if (run(&import, &fail) != CPS_OK)
        return trust_explain(cmd, &fail);
    show(&import);
    return EXIT_DONE;
}
