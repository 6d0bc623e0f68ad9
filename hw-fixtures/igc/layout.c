/* SPDX-License-Identifier: Apache-2.0 */
#include "layout.h"

#define ATR_CPS3    "3BAC00402A001225006480000310009000"
#define ATR_CPS3_CL "3B8F80010031B86404B0ECC1739401808290000E"
#define ATR_CPS4    "3BDC18FF00001225006480000401009000"
/* Offer T=1 alone, hence the check byte at their end; no such cards are known. */
#define ATR_CPS3_T1 "3BAC0081010012250064800003100090007C"
#define ATR_CPS4_T1 "3BDC18FF8101001225006480000401009000FD"

#define USUAL_ODF                                                                                  \
    {                                                                                              \
        {"aodf", "7001"}, {"prkdf", "7002"}, {"pukdf", "7004"}, {"cdf", "7005"},                   \
        {                                                                                          \
            "dodf", "7006"                                                                         \
        }                                                                                          \
    }
#define USUAL_CL_ODF                                                                               \
    {                                                                                              \
        {"prkdf", "7002"}, {"pukdf", "7004"}, {"cdf", "7005"},                                     \
        {                                                                                          \
            "dodf", "7006"                                                                         \
        }                                                                                          \
    }

#define USUAL_CPS3                                                                                 \
    .personality = "cps3", .odf = USUAL_ODF, .sig = {"01", "81", "A001", "A011"},                  \
    .aut = {"02", "82", "A002", "A012"}, .cl_odf = USUAL_CL_ODF,                                   \
    .tech = {"03", "83", "A003", "A013"}, .data_fid = 0xD103, .activity_fid = 0xD120,              \
    .short_read = "6282"

#define USUAL_CPS4                                                                                 \
    .personality = "cps4", .interface = "contact", .odf = USUAL_ODF,                               \
    .sig = {"10", "10", "A001", "A011"}, .aut = {"20", "20", "A002", "A012"}, .data_fid = 0xD103,  \
    .activity_fid = 0xD120, .short_read = "6282"

static const struct layout layouts[] = {
    [MODEL_CPS3] = {USUAL_CPS3, .interface = "contact", .atr = ATR_CPS3, .protocol = 0},
    [MODEL_CPS3_T1] = {USUAL_CPS3, .interface = "contact", .atr = ATR_CPS3_T1, .protocol = 1},
    [MODEL_CPS3_CONTACTLESS] = {USUAL_CPS3, .interface = "contactless", .atr = ATR_CPS3_CL,
                                .protocol = 1},
    [MODEL_CPS3_VARIANT] =
        {
            .personality = "cps3",
            .interface = "contact",
            .atr = ATR_CPS3,
            .odf = {{"dodf", "6F21"},
                    {"cdf", "6F13"},
                    {"aodf", "6F35"},
                    {"pukdf", "6F02"},
                    {"prkdf", "6F44"}},
            .sig = {"10", "83", "B07A", "B00C"},
            .aut = {"20", "84", "B019", "B00B"},
            .cl_odf = {{"cdf", "6F13"}, {"dodf", "6F21"}, {"pukdf", "6F02"}, {"prkdf", "6F44"}},
            .tech = {"30", "85", "B01A", "B00D"},
            .data_fid = 0xE003,
            .activity_fid = 0xE120,
            .aut_first = true,
            .cdf_reverse = true,
            .contact_first = true,
            .short_read = "6C",
        },
    [MODEL_CPS4] = {USUAL_CPS4, .atr = ATR_CPS4, .protocol = 0},
    [MODEL_CPS4_T1] = {USUAL_CPS4, .atr = ATR_CPS4_T1, .protocol = 1},
    [MODEL_CPS4_VARIANT] =
        {
            .personality = "cps4",
            .interface = "contact",
            .atr = ATR_CPS4,
            .odf = {{"dodf", "6F21"},
                    {"cdf", "6F13"},
                    {"aodf", "6F35"},
                    {"pukdf", "6F02"},
                    {"prkdf", "6F44"}},
            .sig = {"01", "11", "B07A", "B00C"},
            .aut = {"02", "21", "B019", "B00B"},
            .data_fid = 0xE003,
            .activity_fid = 0xE120,
            .aut_first = true,
            .cdf_reverse = true,
            .short_read = "6C",
        },
};

const struct layout *layout_of(enum model m)
{
    return &layouts[m];
}
