//! The whole verifier in this process, without a socket: requests go through the router.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode, header};
use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_shared::{
    Access, Budget, Challenge, CreatorId, Permission, Rotation, SignedClaim, SigningKey,
    UnixMillis, VerifierId,
};
use farthing_verifier::clock::Clock;
use farthing_verifier::config::Config;
use farthing_verifier::http::{self, App};
use farthing_verifier::run;
use farthing_verifier::secrets::Secrets;
use farthing_verifier::store::sqlite::{Durability, SqliteWriter};
use farthing_verifier::{admin, vouchers};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::actors::{ORIGIN, Visitor};
use crate::ledger::{CREATOR, START};

/// A verifier with one creator, its items `essay` (0.05) and `film` (0.50), and a clock that tests
/// set.
#[derive(Debug)]
pub struct Verifier {
    /// The application.
    pub app: App,
    router: Router,
    review: Router,
    now: Arc<AtomicU64>,
    vouchers: u8,
    _folder: tempfile::TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The media type.
    pub kind: String,
    /// Retry-After, where there is one.
    pub retry_after: Option<String>,
    /// The body.
    pub bytes: Bytes,
}

impl Answered {
    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }
}

/// Base64url, as binary structures travel.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

impl Verifier {
    /// A fresh one. Must be called within a tokio runtime.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A fresh one with other settings.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config { data: folder.path().to_owned(), ..Config::default() };
        config.origin = "https://pay.example".into();
        config.limits.requests_per_prefix_per_second = 0;
        config.limits.work_bits = 4;
        config.proofs.high_water = Some(folder.path().join("high-water"));
        change(&mut config);
        let secrets = Secrets::new(&[3; 32], [4; 32]);
        let writer = SqliteWriter::open(&run::ledger_path(&config), Durability::Full)
            .expect("an empty ledger opens");
        let now = Arc::new(AtomicU64::new(START.0));
        let clock = Clock::Manual(now.clone());
        let (app, _thread) = run::build(config, secrets, writer, clock).expect("it builds");
        let router = http::router(app.clone());
        let review = http::review_router(app.clone());
        let verifier = Self { app, router, review, now, vouchers: 0, _folder: folder };
        verifier.prepare().await;
        verifier
    }

    async fn prepare(&self) {
        let sites = [ORIGIN.to_owned()];
        let draft = admin::creator_draft(CREATOR, "The Blog", &sites, "10.00", None);
        let mut commands =
            vec![farthing_rules::Command::SaveCreator(draft.expect("a good creator"))];
        for (name, price) in [("essay", "0.05"), ("film", "0.50")] {
            let command = admin::set_item_command(CREATOR, name, name, price, true);
            commands.push(command.expect("a good item"));
        }
        for command in commands {
            self.app.intake.ask(command).await.expect("the ledger saves");
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> VerifierId {
        self.app.policy.verifier
    }

    /// Its time.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        UnixMillis(self.now.load(Ordering::SeqCst))
    }

    /// Lets time pass.
    pub fn wait_ms(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sends a request.
    pub async fn send(&self, request: Request<Body>) -> Answered {
        Self::through(self.router.clone(), request).await
    }

    /// Sends a request to the review listener.
    pub async fn send_to_review(&self, request: Request<Body>) -> Answered {
        Self::through(self.review.clone(), request).await
    }

    async fn through(router: Router, request: Request<Body>) -> Answered {
        let response = router.oneshot(request).await.expect("the router answers");
        let (parts, body) = response.into_parts();
        let header = |name| {
            let value = parts.headers.get(name)?;
            Some(value.to_str().ok()?.to_owned())
        };
        let kind = header(header::CONTENT_TYPE).unwrap_or_default();
        let retry_after = header(header::RETRY_AFTER);
        let status = parts.status;
        let bytes = body.collect().await.expect("a body").to_bytes();
        Answered { status, kind, retry_after, bytes }
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answered {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    /// Gets without saying who asks.
    pub async fn get(&self, path: &str) -> Answered {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    /// Gets as a key.
    pub async fn get_as(&self, path: &str, key: &SigningKey) -> Answered {
        let access = self.access(Method::GET.as_str(), path, key);
        let request = Request::get(path).header(header::AUTHORIZATION, access);
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    /// The authorization of a signed read.
    #[must_use]
    pub fn access(&self, method: &str, path: &str, key: &SigningKey) -> String {
        let access = Access {
            verifier: self.id(),
            key: key.public(),
            at: self.now(),
            target: Access::target(method, path),
        };
        format!("Farthing {}", text(&access.sign(key).encode()))
    }

    /// Gets as a creator who is signed in.
    pub async fn get_with(&self, path: &str, session: &str) -> Answered {
        let bearer = format!("Bearer {session}");
        let request = Request::get(path).header(header::AUTHORIZATION, bearer);
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    /// A session of [`CREATOR`].
    pub async fn sign_in(&self) -> String {
        let link =
            run::sign_in_link(&self.app.config, &self.app.secrets, &self.app.clock, CREATOR, 1);
        let (_, token) = link.split_once("#token=").expect("a link holds a token");
        let answer = self.post("/v1/creator/sessions", &json!({ "token": token })).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()["session"].as_str().expect("a session").to_owned()
    }

    /// A visitor with an open wallet, so much money, and the usual allowance, all by HTTP.
    pub async fn visitor(&mut self, number: u64, money: &str) -> Visitor {
        let visitor = Visitor::new(number, self.id());
        let answer = self.open(&visitor).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        if money != "0" {
            let answer = self.top_up(&visitor, money).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        }
        let answer = self.allow(&visitor, CREATOR).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        visitor
    }

    /// Opens a wallet.
    pub async fn open(&self, visitor: &Visitor) -> Answered {
        let challenge = self.post("/v1/challenges", &json!({})).await.json();
        let challenge = challenge["challenge"].as_str().expect("a challenge");
        let challenge = Base64UrlUnpadded::decode_vec(challenge).expect("base64url");
        let challenge = Challenge::decode(&challenge).expect("48 bytes");
        let opening = visitor.opening(challenge);
        self.post("/v1/wallets", &json!({ "opening": text(&opening.encode()) })).await
    }

    /// Issues a voucher and redeems it.
    pub async fn top_up(&mut self, visitor: &Visitor, money: &str) -> Answered {
        let code = self.voucher(money).await;
        let path = format!("/v1/wallets/{}/top-ups", visitor.root_key());
        self.post(&path, &json!({ "voucher": code })).await
    }

    /// Issues a voucher; gives its code.
    pub async fn voucher(&mut self, money: &str) -> String {
        self.vouchers += 1;
        let code = vouchers::code(&[self.vouchers; 10]);
        let command = farthing_rules::Command::IssueVouchers {
            vouchers: vouchers::hash(&code).into_iter().collect(),
            amount: crate::actors::micros(money),
            expires_at: self.now().plus_ms(86_400_000),
        };
        self.app.intake.ask(command).await.expect("the ledger issues vouchers");
        code
    }

    /// Registers the usual allowance.
    pub async fn allow(&self, visitor: &Visitor, creator: CreatorId) -> Answered {
        let terms = visitor.terms(creator, self.now().plus_ms(30 * 86_400_000));
        let signed = visitor.allow(&terms).encode();
        self.post("/v1/allowances", &json!({ "allowance": text(&signed) })).await
    }

    /// Sets a budget.
    pub async fn set_budget(&self, visitor: &Visitor, budget: &Budget) -> Answered {
        let path = format!("/v1/wallets/{}/budget", visitor.root_key());
        let body = json!({ "budget": text(&budget.sign(&visitor.root).encode()) });
        let request = Request::put(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    /// Sets a permission.
    pub async fn permit(&self, visitor: &Visitor, permission: &Permission) -> Answered {
        let path = format!("/v1/wallets/{}/permissions", permission.root);
        let body = json!({ "permission": text(&permission.sign(&visitor.root).encode()) });
        let request = Request::put(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    /// Sends one claim that nobody clicked for.
    pub async fn charge_automatic(&self, claim: &SignedClaim) -> Answered {
        let body = json!({ "claim": text(&claim.encode()), "automatic": true });
        self.post("/v1/claims", &body).await
    }

    /// Puts another root key in the place of the visitor's.
    pub async fn rotate(&self, visitor: &Visitor, rotation: &Rotation) -> Answered {
        let path = format!("/v1/wallets/{}/rotations", rotation.root);
        let signed = text(&rotation.sign(&visitor.root).encode());
        self.post(&path, &json!({ "rotation": signed })).await
    }

    /// Sends one claim.
    pub async fn charge(&self, claim: &SignedClaim) -> Answered {
        self.post("/v1/claims", &json!({ "claim": text(&claim.encode()) })).await
    }

    /// Sends claims as raw bytes.
    pub async fn batch(&self, bytes: Vec<u8>) -> Answered {
        let kind = "application/octet-stream";
        let request = Request::post("/v1/claims/batch").header(header::CONTENT_TYPE, kind);
        self.send(request.body(Body::from(bytes)).expect("a request")).await
    }

    /// A visitor's balance, asked by HTTP.
    pub async fn balance(&self, visitor: &Visitor) -> String {
        let path = format!("/v1/wallets/{}", visitor.root_key());
        let answer = self.get_as(&path, &visitor.root).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()["balance"].as_str().expect("a balance").to_owned()
    }
}
