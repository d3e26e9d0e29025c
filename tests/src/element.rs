//! Farthing's elements in a page: the frame inside, its button, what it says.

use fantoccini::elements::Element;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::wait::until;

impl Browser {
    /// The iframe inside the element that `css` names, once it is there.
    pub async fn frame_of(&self, css: &str) -> Element {
        until(&format!("{css} has a frame"), async || {
            let script = "const host = document.querySelector(arguments[0]);
                if (!host) return null;
                host.scrollIntoView({ block: 'center', behavior: 'instant' });
                const root = window.__rootOf(host);
                return root ? root.querySelector('iframe') : null;";
            let found = self.client.execute(script, vec![json!(css)]).await.ok()?;
            if found.is_null() {
                return None;
            }
            let id = found.as_object()?.values().next()?.as_str()?.to_owned();
            Some(Element::from_element_id(self.client.clone(), id.into()))
        })
        .await
    }

    /// Goes into the frame of the element that `css` names. The present document must be the
    /// page's own.
    pub async fn enter(&self, css: &str) {
        // A driver may refuse a frame whose place on the page is just changing.
        until(&format!("the frame of {css} can be entered"), async || {
            self.frame_of(css).await.enter_frame().await.ok()
        })
        .await;
    }

    /// Back to the page from one of its frames.
    pub async fn leave(&self) {
        self.client.enter_parent_frame().await.expect("a page around the frame");
    }

    /// The events `farthing:…` that the present page has seen since [`Browser::watch_events`].
    pub async fn events(&self) -> Vec<Value> {
        let seen = self.script("return window.__farthing ?? []", Vec::new()).await;
        seen.as_array().cloned().unwrap_or_default()
    }

    /// Begins to write down the events of the present page.
    pub async fn watch_events(&self) {
        let script = "window.__farthing = [];
            for (const name of ['farthing:paid', 'farthing:declined', 'farthing:refunded', 'farthing:error'])
              document.addEventListener(name, (e) => window.__farthing.push({ name, detail: e.detail ?? null }));";
        self.script(script, Vec::new()).await;
    }

    /// Waits until the frame of the element that `css` names shows `state`, and answers the words
    /// below its button.
    pub async fn frame_shows(&self, css: &str, state: &str) -> String {
        self.enter(css).await;
        self.see_state(state).await;
        let words = self.text("p[role=status]", |_| true).await;
        self.leave().await;
        words
    }

    /// Waits until the present document (a frame, a wallet page) says that it is in `state`.
    pub async fn see_state(&self, state: &str) {
        let mut last = Value::Null;
        let looking = async {
            loop {
                let script = "return document.documentElement.dataset.state ?? null";
                last = self.client.execute(script, Vec::new()).await.unwrap_or_default();
                if last == state {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(40)).await;
            }
        };
        if tokio::time::timeout(crate::wait::PATIENCE, looking).await.is_err() {
            let said = self.script("return document.body.innerText", Vec::new()).await;
            panic!("never came to the state {state}; it is {last} and says: {said}");
        }
    }

    /// Presses the button inside the element that `css` names, as a person does.
    pub async fn press_in(&self, css: &str) {
        self.enter(css).await;
        self.see_state("ready").await;
        let button = self.see("button").await;
        self.press(&button).await;
        self.leave().await;
    }

    /// Pays for the first time on a site: the button, then the wallet window, then "Allow".
    /// Answers when the window has closed; the present page is the one it began on.
    pub async fn pay_first(&self, css: &str) {
        let page = self.here().await;
        let known = self.windows().await;
        self.press_in(css).await;
        let window = self.go_to_new_window(&known).await;
        self.allow().await;
        self.gone(&window).await;
        self.go_to(&page).await;
    }

    /// Has the money back on the wallet page, which asks whether that is meant, once it takes an answer.
    pub async fn have_back(&self) {
        let button = self.see("[data-form=refunding] [data-label=give-back]").await;
        until("the money can be asked for", async || button.is_enabled().await.ok()?.then_some(()))
            .await;
        self.press(&button).await;
    }

    /// Allows in the wallet window, once it has shown what there is to read.
    pub async fn allow(&self) {
        self.see_state("consent").await;
        let button = self.see("[data-do=allow]").await;
        self.hover(&button).await;
        until("the consent can be given", async || button.is_enabled().await.ok()?.then_some(()))
            .await;
        self.press(&button).await;
    }
}
