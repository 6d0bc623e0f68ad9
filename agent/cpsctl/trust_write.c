/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/cpsctl/trust_cmd.h"
#include "agent/trust/replace.h"
#include "base/util.h"

cps_error trust_write_certificates(const char *directory, const struct store_entry *entries,
                                   size_t n, struct fail *fail)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&text, &len);
    bool good = memory != NULL;

    for (size_t i = 0; good && i < n; i++) {
        good = fprintf(memory, "# %s\n# SHA-256 %s (%s)\n", entries[i].name, entries[i].fingerprint,
                       store_origin_name(entries[i].origin)) > 0 &&
               PEM_write_X509(memory, entries[i].certificate) == 1;
    }
    if (memory != NULL && fclose(memory) != 0)
        good = false;
    if (!good)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    if (n > 0)
        return replace_file(directory, TRUST_FILE, text, len, fail);
    /* A file without any certificate is no store: it goes. */
    return replace_remove(directory, TRUST_FILE, fail);
}

cps_error trust_write_approvals(const char *directory, const struct approvals *approvals,
                                struct fail *fail)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&text, &len);
    bool good = memory != NULL;

    good = good && fputs("# SHA-256 fingerprint, name: authorities approved on this machine\n",
                         memory) >= 0;
    for (size_t i = 0; good && i < approvals->n; i++)
        good =
            fprintf(memory, "%s %s\n", approvals->list[i].fingerprint, approvals->list[i].name) > 0;
    if (memory != NULL && fclose(memory) != 0)
        good = false;
    if (!good)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    return replace_file(directory, STORE_APPROVED, text, len, fail);
}
