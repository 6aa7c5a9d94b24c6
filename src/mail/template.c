/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/template.h"

#define NOT_YOU                                                                                    \
    "If this was you, there is nothing to do. If it was not, please choose a new password with "   \
    "\"Forgot your password?\" where you sign in, and write to us."

const struct sut_mail_template sut_mail_templates[SUT_MAIL_KINDS] = {
    [SUT_MAIL_VERIFY] = {
        .subject = "Please confirm your address for {shop}",
        .says = { "Welcome to {shop}.",
                  "Please confirm that this address is yours, so that we reach you when it is "
                  "about your account or your orders." },
        .button = "Confirm this address",
        .note = "The link is good for three days. If you have not opened an account at {shop}, "
                "please leave this mail aside: somebody may have mistyped their address.",
        .needs_link = true,
    },
    [SUT_MAIL_RESET] = {
        .subject = "Choose a new password for {shop}",
        .says = { "Somebody, most likely you, asked for a new password for your account at "
                  "{shop}." },
        .button = "Choose a new password",
        .note = "The link works once and for a short while. If you did not ask for it, please "
                "leave this mail aside: your password stays as it is.",
        .has_details = true,
        .needs_link = true,
    },
    [SUT_MAIL_PASSWORD_CHANGED] = {
        .subject = "Your password at {shop} was changed",
        .says = { "The password of your account at {shop} was changed just now." },
        .note = NOT_YOU,
        .has_details = true,
    },
    [SUT_MAIL_NEW_DEVICE] = {
        .subject = "A new sign-in to your account at {shop}",
        .says = { "Somebody signed in to your account at {shop} on a device that we have not "
                  "seen before." },
        .note = NOT_YOU,
        .has_details = true,
    },
    [SUT_MAIL_LOCKED] = {
        .subject = "Signing in to {shop} is paused for a while",
        .says = { "There were too many wrong passwords for your account at {shop}, so we have "
                  "paused signing in to it. Nobody got in.",
                  "It opens again by itself after a while. A device on which you have signed in "
                  "before can still get in." },
        .note = "If it was you who forgot the password, you can choose a new one with \"Forgot "
                "your password?\" where you sign in.",
        .has_details = true,
    },
    [SUT_MAIL_EMAIL_CONFIRM] = {
        .subject = "Please confirm your new address for {shop}",
        .says = { "Somebody, most likely you, asked that mails about an account at {shop} go to "
                  "this address from now on." },
        .button = "Use this address",
        .note = "The link works once and for a short while. If you did not ask for this, please "
                "leave this mail aside: nothing changes.",
        .needs_link = true,
    },
    [SUT_MAIL_EMAIL_REQUESTED] = {
        .subject = "Your account at {shop} is to get another address",
        .says = { "Somebody, most likely you, asked that mails about your account at {shop} go "
                  "to another address.",
                  "It changes once the new address is confirmed." },
        .button = "Stop this change",
        .note = "If this was you, there is nothing to do. If it was not, please stop it with the "
                "link, choose a new password, and write to us.",
        .has_details = true,
        .needs_link = true,
    },
    [SUT_MAIL_EMAIL_CHANGED] = {
        .subject = "The address of your account at {shop} was changed",
        .says = { "The address of your account at {shop} was changed. Mails about it go to the "
                  "new address from now on." },
        .button = "Take the change back",
        .note = "If this was you, there is nothing to do. If it was not, please write to us.",
        .has_details = true,
    },
    [SUT_MAIL_FACTOR_ADDED] = {
        .subject = "Your account at {shop} has one more lock",
        .says = { "From now on {what} is asked for when you sign in to {shop}." },
        .note = NOT_YOU,
        .what = "a second step",
        .has_details = true,
    },
    [SUT_MAIL_FACTOR_REMOVED] = {
        .subject = "Your account at {shop} has one lock less",
        .says = { "When you sign in to {shop}, {what} is not asked for any more." },
        .note = NOT_YOU,
        .what = "a second step",
        .has_details = true,
    },
    [SUT_MAIL_SOCIAL_LINKED] = {
        .subject = "Your account at {shop} opens with {what} too",
        .says = { "From now on you can sign in to {shop} with {what}, too." },
        .note = NOT_YOU,
        .what = "another service",
        .has_details = true,
    },
    [SUT_MAIL_ORDER_PLACED] = {
        .subject = "Your order {what} at {shop}",
        .says = { "Thank you for your order {what}. These things are put aside for you:" },
        .note = "We write again when it is paid, when it is on its way, and when it is with you. "
                "An order that has to be paid beforehand and is not paid soon ends by itself.",
        .what = "at our shop",
    },
    [SUT_MAIL_ORDER_PAID] = {
        .subject = "Your order {what} at {shop} is paid",
        .says = { "Your order {what} is paid. Thank you." },
        .note = "We write again when it is on its way.",
        .what = "at our shop",
    },
    [SUT_MAIL_ORDER_SHIPPED] = {
        .subject = "Your order {what} at {shop} is on its way",
        .says = { "Your order {what} has left us and is on its way to you." },
        .note = "It goes to the address that you gave with the order.",
        .what = "at our shop",
    },
    [SUT_MAIL_ORDER_DELIVERED] = {
        .subject = "Your order {what} at {shop} has arrived",
        .says = { "Your order {what} was handed over. We hope that you like it." },
        .note = "If it did not reach you, please write to us.",
        .what = "at our shop",
    },
    [SUT_MAIL_ORDER_CANCELLED] = {
        .subject = "Your order {what} at {shop} was cancelled",
        .says = { "Your order {what} was cancelled. Nothing of it is on its way to you any more." },
        .note = "If you have paid for it, you get your money back the way you paid. If you did not "
                "want this, please order anew or write to us.",
        .what = "at our shop",
    },
    [SUT_MAIL_LOW_STOCK] = {
        .subject = "Nearly sold out at {shop}: {what}",
        .says = { "Of these there are few left at {shop}, or none:" },
        .note = "You hear of them again in a day, and of others within the hour. The settings say how "
                "many are few (shop.low_stock) and where this goes (shop.mail).",
        .what = "some variants",
        .is_to_shop = true,
    },
};
