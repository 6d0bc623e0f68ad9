/* SPDX-License-Identifier: Apache-2.0 */
#include "select.h"

#include <string.h>

#include "p15.h"

enum {
    P1_CHILD_EF = 0x02,
    P1_AID = 0x04,
    P1_PATH_FROM_MF = 0x08,
    P1_PATH = 0x09,
    P2_FCI = 0x00,
    P2_FCP = 0x04,
    P2_NOTHING = 0x0C,
    TAG_FCP = 0x62,
    TAG_FCI = 0x6F,
    SCB_ALWAYS = 0x00,
    SCB_PIN = 0x11,
    SCB_NEVER = 0xFF,
};

/* --- file control parameters ---------------------------------------------------------------- */

static uint8_t scb_of(enum access a)
{
    return a == ACCESS_ALWAYS ? SCB_ALWAYS : a == ACCESS_PIN ? SCB_PIN : SCB_NEVER;
}

/* Access rules, contact then contactless: AMB 7B and six conditions, update and read come last. */
static void put_acl(struct der *d, uint8_t update, uint8_t read_contact, uint8_t read_cl)
{
    const uint8_t contact[] = {0x7B, 0xFF, 0xFF, 0xFF, 0xFF, update, read_contact};
    const uint8_t cl[] = {0x7B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, read_cl};
    size_t acl = der_begin(d, 0xA1);

    der_tlv(d, 0x8C, contact, sizeof(contact));
    der_tlv(d, 0x9C, cl, sizeof(cl));
    der_end(d, acl);
}

static void put_parameters(struct der *d, unsigned tag, const struct fs *fs)
{
    static const uint8_t working_ef = 0x01, dedicated = 0x38, activated = 0x05;
    const struct fs_file *ef = fs->ef;
    const struct image_app *app = fs_current_app(fs);
    uint16_t fid = ef ? ef->fid : fs->df;
    const uint8_t fid_be[2] = {hi8(fid), lo8(fid)};
    size_t parameters = der_begin(d, tag);

    if (ef) {
        const uint8_t size[2] = {hi8(ef->len), lo8(ef->len)};
        der_tlv(d, 0x80, size, 2);
    }
    der_tlv(d, 0x82, ef ? &working_ef : &dedicated, 1);
    der_tlv(d, 0x83, fid_be, 2);
    if (ef) {
        const uint8_t sfi = (uint8_t)(ef->sfi << 3);
        der_tlv(d, 0x88, &sfi, 1);
        put_acl(d, scb_of(ef->update), scb_of(ef->read),
                ef->read == ACCESS_ALWAYS ? SCB_ALWAYS : SCB_NEVER);
    } else {
        if (app)
            der_tlv(d, 0x84, app->aid, app->aid_len);
        put_acl(d, SCB_NEVER, SCB_ALWAYS, SCB_ALWAYS);
    }
    der_tlv(d, 0x8A, &activated, 1);
    der_end(d, parameters);
}

/* `tag` 0: nothing was asked for. */
static uint16_t describe(const struct fs *fs, unsigned tag, struct reply *r)
{
    if (tag == 0)
        return SW_OK;
    struct der d CLEANUP(der_done) = {0};
    put_parameters(&d, tag, fs);
    if (d.failed || d.len > sizeof(r->data))
        return SW_FAILURE;
    memcpy(r->data, d.data, d.len);
    r->len = d.len;
    return SW_OK;
}

/* --- naming --------------------------------------------------------------------------------- */

/* From the MF: nothing more, a DF, an EF of it, or an EF of the MF. */
static uint16_t walk(struct fs *fs, const uint8_t *path, size_t n)
{
    if (n == 0) {
        fs_reset(fs);
        return SW_OK;
    }
    uint16_t df = FS_MF, fid = be16(path + n - 2);
    if (n == 2 && fs_app_by_df(fs, fid)) {
        fs->df = fid;
        fs->ef = NULL;
        return SW_OK;
    }
    if (n == 4) {
        df = be16(path);
        if (!fs_app_by_df(fs, df))
            return SW_NOT_FOUND;
    }
    struct fs_file *ef = fs_find_child(fs, df, fid);
    if (!ef)
        return SW_NOT_FOUND;
    fs->df = df;
    fs->ef = ef;
    return SW_OK;
}

static uint16_t select_aid(struct fs *fs, const struct apdu *a, unsigned tag, struct reply *r)
{
    if (a->lc == sizeof(P15_ROOT_AID) && memcmp(a->data, P15_ROOT_AID, a->lc) == 0) {
        fs_reset(fs);
        return SW_OK; /* the root applet tells nothing of itself, whatever P2 asks */
    }
    const struct image_app *app = fs_app_by_aid(fs, a->data, a->lc);
    if (!app)
        return SW_NOT_FOUND;
    fs->df = app->df;
    fs->ef = NULL;
    return describe(fs, tag, r);
}

/* --- generations ---------------------------------------------------------------------------- */

static uint16_t select_child(struct fs *fs, const struct apdu *a)
{
    if (a->lc == 2 && be16(a->data) == FS_MF) { /* OpenSC gets back to the root this way */
        fs_reset(fs);
        return SW_OK;
    }
    struct fs_file *ef = a->lc == 2 ? fs_find_child(fs, fs->df, be16(a->data)) : NULL;
    if (!ef)
        return SW_NOT_FOUND;
    fs->ef = ef;
    return SW_OK;
}

uint16_t select_cps3(struct fs *fs, const struct apdu *a, struct reply *r)
{
    unsigned tag = a->p2 == P2_NOTHING ? 0 : TAG_FCP;
    uint16_t sw = SW_WRONG_P1P2;

    if (a->p2 != P2_FCP && a->p2 != P2_NOTHING && (a->p1 != P1_AID || a->p2 != P2_FCI))
        return SW_WRONG_P1P2;
    if (a->p1 == P1_AID)
        return select_aid(fs, a, tag, r);
    if (a->p1 == P1_PATH)
        sw = a->lc >= 2 && a->lc <= 6 && a->lc % 2 == 0 && be16(a->data) == FS_MF
                 ? walk(fs, a->data + 2, a->lc - 2)
                 : SW_NOT_FOUND;
    else if (a->p1 == P1_CHILD_EF)
        sw = select_child(fs, a);
    return sw == SW_OK ? describe(fs, tag, r) : sw;
}

uint16_t select_cps4(struct fs *fs, const struct apdu *a, struct reply *r)
{
    unsigned tag = a->p2 == P2_NOTHING ? 0 : TAG_FCI;

    if (a->p2 != P2_FCI && a->p2 != P2_NOTHING)
        return SW_WRONG_P1P2;
    if (a->p1 == P1_AID)
        return select_aid(fs, a, tag, r);
    if (a->p1 != P1_PATH_FROM_MF)
        return SW_WRONG_P1P2;
    uint16_t sw = a->lc == 2 || a->lc == 4 ? walk(fs, a->data, a->lc) : SW_NOT_FOUND;
    return sw == SW_OK ? describe(fs, tag, r) : sw;
}
