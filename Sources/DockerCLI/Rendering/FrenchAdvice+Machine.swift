/// What registries, networks and the machine refuse.
extension Advice {
    static let registries = [
        Entry(
            "the real Docker Hub limits how often it is asked; it asks to wait {} seconds",
            "le vrai Docker Hub limite le nombre des demandes ; il faut attendre {} secondes"),
        Entry("the real Docker Hub does not have it either", "le vrai Docker Hub ne l’a pas non plus"),
        Entry(
            "not found, and the real Docker Hub cannot be reached from here",
            "introuvable ici, et le vrai Docker Hub n’est pas joignable"),
        Entry("unknown tag or digest {}", "tag ou digest inconnu : {}"),
        Entry("there is no repository {}", "il n’y a pas de dépôt {}"),
        Entry(
            "Look for the tags that exist; a tag is case sensitive.",
            "Regardez quels tags existent ; majuscules et minuscules comptent."),
        Entry(
            "this hub does not ask any other registry", "ce hub ne s’adresse à aucun autre registre"),
        Entry("Check the name and the port.", "Vérifiez le nom et le port."),
        Entry(
            "Check the user name and the password; 'docker login' asks for both again.",
            "Vérifiez le nom d’utilisateur et le mot de passe ; 'docker login' redemande les deux."),
        Entry("Check the user name and the password.", "Vérifiez le nom d’utilisateur et le mot de passe."),
        Entry("Log in again with 'docker login'.", "Reconnectez-vous avec 'docker login'."),
        Entry(
            "Log in with 'docker login{}', and tag the image as <your user name>/<name> before you push it.",
            "Connectez-vous avec 'docker login{}', et donnez à l’image le nom <votre nom>/<nom> avant de l’envoyer."),
        Entry("Log in with 'docker login{}'.", "Connectez-vous avec 'docker login{}'."),
        Entry("{} has no repository {}", "{} n’a pas de dépôt {}"),
        Entry(
            "{} does not accept this user name with this password",
            "{} n’accepte pas ce nom d’utilisateur avec ce mot de passe"),
        Entry("the registry {} wants to know who you are", "le registre {} veut savoir qui vous êtes"),
        Entry(
            "the registry {} wants a user name and a password",
            "le registre {} demande un nom d’utilisateur et un mot de passe"),
        Entry(
            "you may push only into your own namespace, and only when you are logged in; this was a push to {}",
            "on ne peut envoyer que sous son propre nom, et seulement une fois connecté ; ici, c’était vers {}"),
        Entry(
            "{} limits how often it is asked; it asks to wait {} seconds",
            "{} limite le nombre des demandes ; il faut attendre {} secondes"),
        Entry("{} limits how often it is asked{}", "{} limite le nombre des demandes{}"),
        Entry("Wait a little, then try again.", "Attendez un peu, puis réessayez."),
        Entry(
            "Wait, or log in with 'docker login', which raises the limit. For a class, fill the practice hub ahead of time: {}",
            "Attendez, ou connectez-vous avec 'docker login', ce qui relève la limite. Pour une classe, remplissez le hub d’entraînement à l’avance : {}"
        ),
        Entry("the registry takes nothing that large", "le registre n’accepte rien d’aussi gros"),
        Entry(
            "Nothing of it was kept. Pull again; if it happens again, the registry's copy is damaged.",
            "Rien n’en a été gardé. Recommencez le pull ; si cela se reproduit, l’exemplaire du registre est abîmé."),
        Entry(
            "Nothing was kept. The image on the registry is damaged; push it again.",
            "Rien n’a été gardé. L’image du registre est abîmée ; renvoyez-la."),
        Entry(
            "Nothing was kept. The registry or something on the way changes content; try again.",
            "Rien n’a été gardé. Le registre, ou quelque chose en chemin, modifie le contenu ; réessayez."),
        Entry(
            "Nothing was kept. The registry or something on the way changes content.",
            "Rien n’a été gardé. Le registre, ou quelque chose en chemin, modifie le contenu."),
        Entry(
            "The registry or something on the way changes content; try another network.",
            "Le registre, ou quelque chose en chemin, modifie le contenu ; essayez un autre réseau."),
        Entry(
            "The image on the registry is damaged; push it again.", "L’image du registre est abîmée ; renvoyez-la."),
        Entry("the bytes that came have the digest {}", "les octets reçus ont le digest {}"),
        Entry(
            "the bytes are not those that the manifest names", "les octets ne sont pas ceux que nomme le manifeste"),
        Entry("the blob ended too early", "le blob s’arrête trop tôt"),
        Entry("{} lacks {}", "{} ne contient pas {}"),
        Entry(
            "Look at {}, and try 'drydock hub serve'.", "Regardez {}, et essayez 'drydock hub serve'."),
        Entry(
            "Repair the file or remove it; 'docker login' writes a new one.",
            "Réparez le fichier ou supprimez-le ; 'docker login' en écrit un nouveau."),
        Entry(
            "{} names a credential helper that is not installed",
            "{} nomme un assistant d’identification qui n’est pas installé"),
        Entry(
            "Install {}, or remove credsStore and credHelpers from the file.",
            "Installez {}, ou retirez credsStore et credHelpers du fichier."),
        Entry(
            "proxies are spoken to as http:// or socks5://", "on parle aux mandataires en http:// ou en socks5://"),
        Entry(
            "Change HTTP_PROXY, HTTPS_PROXY or the \"proxies\" of daemon.json.",
            "Changez HTTP_PROXY, HTTPS_PROXY ou les « proxies » de daemon.json."),
        Entry(
            "Check the name, or log in with 'docker login' and try again.",
            "Vérifiez le nom, ou connectez-vous avec 'docker login' et réessayez."),
        Entry("not found, and {} cannot be reached from here", "introuvable ici, et {} n’est pas joignable"),
        Entry("{} does not have it either", "{} ne l’a pas non plus"),
        Entry("the registry does not accept the password of {}", "le registre n’accepte pas le mot de passe de {}"),
        Entry("{} names the token service {}", "{} nomme le service de jetons {}"),
        Entry(
            "more bytes came than the {} that the manifest promises",
            "il est venu plus d’octets que les {} que promet le manifeste"),
        Entry(
            "the registry has no bytes after the first {} of {}",
            "le registre n’a pas d’octets au-delà des {} premiers de {}"),
        Entry(
            "it, or the key beside it, is missing or is not in PEM form: {}",
            "il manque, ou la clé à côté de lui, ou ce n’est pas du PEM : {}"),
        Entry("{} said: {}", "{} a répondu : {}"),
        Entry("Check that it is a registry.", "Vérifiez que c’est un registre."),
        Entry(
            "Open a page in a web browser to log in to the network; check the registry's name, HTTP_PROXY and HTTPS_PROXY.",
            "Ouvrez une page dans un navigateur pour vous connecter au réseau ; vérifiez le nom du registre, HTTP_PROXY et HTTPS_PROXY."
        ),
        Entry(
            "{} answered with a web page: it is no registry, or a network that wants a login, or a proxy, is in the way",
            "{} a répondu par une page web : ce n’est pas un registre, ou un réseau à connexion, ou un mandataire, est en travers"
        ),
        Entry("{} answered with nothing", "{} n’a rien répondu"),
        Entry("{} answered with something that no registry says", "{} a répondu ce qu’aucun registre ne dit"),
        Entry(
            "the repository {} has nothing under that tag or digest", "le dépôt {} n’a rien sous ce tag ou ce digest"),
        Entry("the registry itself failed", "c’est le registre lui-même qui a échoué"),
        Entry(
            "Try again later; if it lasts, look at the registry's log.",
            "Réessayez plus tard ; si cela dure, regardez le journal du registre."),
        Entry("HTTP status {} {}", "statut HTTP {} {}"),
        Entry("it ends at byte {}", "il s’arrête à l’octet {}"),
        Entry("{} sends on to {}", "{} renvoie à {}"),
        Entry("Check the name and the network, and try again.", "Vérifiez le nom et le réseau, puis réessayez."),
        Entry(
            "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY, or the \"proxies\" of daemon.json.",
            "Vérifiez HTTP_PROXY, HTTPS_PROXY et NO_PROXY, ou les « proxies » de daemon.json."),
        Entry(
            "Check the name and the network; behind a proxy, set HTTPS_PROXY.",
            "Vérifiez le nom et le réseau ; derrière un mandataire, définissez HTTPS_PROXY."),
        Entry("nothing at {} answered in time", "rien n’a répondu à temps à {}"),
        Entry("{} closed the connection too early", "{} a fermé la connexion trop tôt"),
        Entry("{} went silent", "{} s’est tu"),
        Entry("Try again; what was received is kept.", "Réessayez ; ce qui est arrivé est gardé."),
        Entry("{} does not complete TLS", "{} n’achève pas TLS"),
        Entry(
            "the proxy {} wants a user name and a password",
            "le mandataire {} demande un nom d’utilisateur et un mot de passe"),
        Entry(
            "Name them in HTTPS_PROXY: http://user:password@{}.",
            "Donnez-les dans HTTPS_PROXY : http://utilisateur:motdepasse@{}."),
        Entry("the proxy {} refuses to connect to {}", "le mandataire {} refuse d’aller à {}"),
        Entry(
            "Ask who runs the proxy, or name {} in NO_PROXY where it can be reached without.",
            "Demandez à qui gère le mandataire, ou nommez {} dans NO_PROXY s’il est joignable sans lui."),
        Entry("the proxy {} is silent", "le mandataire {} se tait"),
        Entry("no address is known for the name {}", "aucune adresse n’est connue pour le nom {}"),
        Entry(
            "Check the spelling of the registry, and that this machine can resolve names.",
            "Vérifiez l’orthographe du registre, et que cette machine sait résoudre les noms."),
        Entry("nothing listens at {}", "rien n’écoute à {}"),
        Entry(
            "Check that the registry is running and that the port is right.",
            "Vérifiez que le registre est en marche et que le port est le bon."),
        Entry("this machine has no way to {}", "cette machine n’a pas de route vers {}"),
        Entry("{} broke the connection", "{} a rompu la connexion"),
        Entry("the certificate is for other names than {}", "le certificat est pour d’autres noms que {}"),
        Entry(
            "Use the name that the certificate is made for, or a certificate with this name.",
            "Employez le nom pour lequel le certificat est fait, ou un certificat à ce nom."),
        Entry(
            "the certificate of {} was not issued by an authority that this machine trusts, or its time is over",
            "le certificat de {} ne vient pas d’une autorité à laquelle cette machine se fie, ou il est périmé"),
        Entry(
            "Put the authority's certificate into certs.d/{}/ca.crt beside daemon.json, or name the registry in its \"insecure-registries\".",
            "Mettez le certificat de l’autorité dans certs.d/{}/ca.crt à côté de daemon.json, ou nommez le registre dans ses « insecure-registries »."
        ),
        Entry("{} speaks plain HTTP", "{} parle HTTP sans chiffrement"),
        Entry(
            "Where that is meant, name the registry in the \"insecure-registries\" of daemon.json.",
            "Si c’est voulu, nommez le registre dans les « insecure-registries » de daemon.json."),
        Entry(
            "Look at the registry's TLS settings; a client certificate goes into certs.d.",
            "Regardez les réglages TLS du registre ; un certificat de client va dans certs.d."),
    ]

    static let machine = [
        Entry(
            "Docker has this flag; Drydock does not have it yet.",
            "Docker a cette option ; Drydock ne l’a pas encore."),
        Entry("Try again.", "Réessayez."),
        Entry("Fetch it again.", "Téléchargez-le de nouveau."),
        Entry("Mend the file, or remove it.", "Corrigez le fichier, ou supprimez-le."),
        Entry("Replace the file, or remove it.", "Remplacez le fichier, ou supprimez-le."),
        Entry("a newer Drydock has made it", "un Drydock plus récent l’a créé"),
        Entry(
            "Install the newer Drydock again, or choose another DRYDOCK_HOME.",
            "Réinstallez le Drydock plus récent, ou choisissez un autre DRYDOCK_HOME."),
        Entry(
            "Free some space (drydock's own: docker image prune, docker container prune), then try again.",
            "Libérez de la place (celle de Drydock : docker image prune, docker container prune), puis réessayez."),
        Entry("Free some space, then try again.", "Libérez de la place, puis réessayez."),
        Entry(
            "Move the store directory away; images can be pulled again.",
            "Mettez le dossier du magasin de côté ; les images peuvent être téléchargées de nouveau."),
        Entry(
            "Mount overlay with redirect_dir=off,metacopy=off.",
            "Montez overlay avec redirect_dir=off,metacopy=off."),
        Entry("Choose another driver: {}", "Choisissez un autre pilote : {}"),
        Entry("The drivers are {}", "Les pilotes sont {}"),
        Entry(
            "drydock-monitor must lie next to drydock: install both ('make install')",
            "drydock-monitor doit se trouver à côté de drydock : installez les deux ('make install')"),
        Entry(
            "this user has no range of subordinate ids, so the container has one user",
            "cet utilisateur n’a pas de plage d’identifiants : le conteneur n’a donc qu’un seul utilisateur"),
        Entry(
            "install uidmap and add a line for this user to /etc/subuid and /etc/subgid",
            "installez uidmap et ajoutez une ligne pour cet utilisateur dans /etc/subuid et /etc/subgid"),
        Entry(
            "give this user a larger range in /etc/subuid and /etc/subgid",
            "donnez à cet utilisateur une plage plus grande dans /etc/subuid et /etc/subgid"),
        Entry(
            "newuidmap or newgidmap refused the ranges of /etc/subuid and /etc/subgid",
            "newuidmap ou newgidmap a refusé les plages de /etc/subuid et /etc/subgid"),
        Entry(
            "check that newuidmap is setuid root and that this user's lines in /etc/subuid and /etc/subgid are right",
            "vérifiez que newuidmap est setuid root, et que les lignes de cet utilisateur dans /etc/subuid et /etc/subgid sont justes"
        ),
        Entry("mount /sys/fs/cgroup", "montez /sys/fs/cgroup"),
        Entry(
            "see whether the machine has memory left, and try again",
            "voyez s’il reste de la mémoire sur la machine, puis réessayez"),
        Entry(
            "this machine uses all of 172.17.0.0 to 172.31.0.0 and 192.168.0.0",
            "cette machine utilise déjà tout de 172.17.0.0 à 172.31.0.0, et 192.168.0.0"),
        Entry("Try again in a moment.", "Réessayez dans un moment."),
        Entry("Try again later.", "Réessayez plus tard."),
        Entry(
            "as root: 'sysctl kernel.unprivileged_userns_clone=1' (Debian) or 'sysctl kernel.apparmor_restrict_unprivileged_userns=0' (Ubuntu)",
            "en tant que root : 'sysctl kernel.unprivileged_userns_clone=1' (Debian) ou 'sysctl kernel.apparmor_restrict_unprivileged_userns=0' (Ubuntu)"
        ),
        Entry("end other programs and try again", "arrêtez d’autres programmes et réessayez"),
        Entry("free some space and try again", "libérez de la place et réessayez"),
        Entry("load its module with modprobe as root", "chargez son module avec modprobe en tant que root"),
        Entry(
            "put DRYDOCK_HOME on a local disk file system (ext4, xfs, btrfs, tmpfs)",
            "mettez DRYDOCK_HOME sur un système de fichiers local (ext4, xfs, btrfs, tmpfs)"),
        Entry("raise fs.file-max with sysctl", "augmentez fs.file-max avec sysctl"),
        Entry(
            "raise it with 'sysctl fs.mount-max=200000', or remove containers",
            "augmentez-la avec 'sysctl fs.mount-max=200000', ou supprimez des conteneurs"),
        Entry(
            "raise it with 'ulimit -u', or end other programs",
            "augmentez-la avec 'ulimit -u', ou arrêtez d’autres programmes"),
        Entry("raise the limit with 'ulimit -n'", "augmentez la limite avec 'ulimit -n'"),
        Entry(
            "raise user.max_user_namespaces and its like with sysctl, or end other containers",
            "augmentez user.max_user_namespaces et ses semblables avec sysctl, ou arrêtez d’autres conteneurs"),
        Entry("the disk, or this user's share of it, is full", "le disque, ou la part de cet utilisateur, est plein"),
        Entry("the file system is read-only", "le système de fichiers est en lecture seule"),
        Entry("the kernel has no memory for it", "le noyau n’a pas de mémoire pour cela"),
        Entry(
            "the kernel refuses these directories as an overlay: the upper directory may be on a file system that cannot carry one (another overlay, NFS)",
            "le noyau refuse ces dossiers comme overlay : le dossier supérieur est peut-être sur un système de fichiers qui n’en porte pas (un autre overlay, NFS)"
        ),
        Entry(
            "the limit of mounts in one mount namespace is reached",
            "la limite des montages d’un espace de noms est atteinte"),
        Entry(
            "the limit of namespaces of this user is reached",
            "la limite des espaces de noms de cet utilisateur est atteinte"),
        Entry("the limit of processes is reached", "la limite des processus est atteinte"),
        Entry("the system has no file descriptor left", "le système n’a plus de descripteur de fichier"),
        Entry(
            "this kernel does not let ordinary users make user namespaces",
            "ce noyau ne permet pas aux utilisateurs ordinaires de créer des espaces de noms d’utilisateurs"),
        Entry("this kernel has no such file system", "ce noyau n’a pas ce système de fichiers"),
        Entry("this process has no file descriptor left", "ce processus n’a plus de descripteur de fichier"),
    ]
}
