extension Advice {
    /// The catalogue. What begins alike stands with the longer phrase first.
    static let french: [Entry] = containers + images + registries + machine

    private static let containers = [
        Entry("docker container ls -a shows all containers.", "docker container ls -a montre tous les conteneurs."),
        Entry(
            "docker container rm {}, or choose another --name.",
            "docker container rm {}, ou choisissez un autre --name."),
        Entry(
            "Choose another name, or remove the other container: docker rm {}",
            "Choisissez un autre nom, ou supprimez l’autre conteneur : docker rm {}"),
        Entry("docker stop {}, or docker rm -f {}", "docker stop {}, ou docker rm -f {}"),
        Entry(
            "the container goes on: its first process takes no notice of Ctrl-C, because process 1 of a container only "
                + "gets the signals that it asks for",
            "le conteneur continue : son premier processus ne tient pas compte de Ctrl-C, car le processus 1 d’un "
                + "conteneur ne reçoit que les signaux qu’il demande"),
        Entry(
            "docker stop {} ends it; with docker run --init or -it, Ctrl-C does",
            "docker stop {} l’arrête ; avec docker run --init ou -it, Ctrl-C le fait"),
        Entry("docker restart {} gives it a new monitor", "docker restart {} lui donne un nouveau moniteur"),
        Entry("docker restart {} gives it a new one", "docker restart {} lui en donne un nouveau"),
        Entry(
            "the container itself goes on; docker stop, kill, pause, cp and top still reach it",
            "le conteneur lui-même continue ; docker stop, kill, pause, cp et top l’atteignent encore"),
        Entry(
            "the container goes on, but nobody takes its output, starts programs in it or forwards its ports",
            "le conteneur continue, mais personne ne prend ce qu’il écrit, n’y lance de programme ni ne relaie ses ports"
        ),
        Entry("Start it first: docker start {}", "Démarrez-le d’abord : docker start {}"),
        Entry("Unpause it first: docker unpause {}", "Reprenez-le d’abord : docker unpause {}"),
        Entry(
            "Remove the container first (docker container rm), or use -f.",
            "Supprimez d’abord le conteneur (docker container rm), ou utilisez -f."),
        Entry(
            "Name a program after the image: docker run IMAGE COMMAND.",
            "Nommez un programme après l’image : docker run IMAGE COMMANDE."),
        Entry(
            "check the spelling, or install the program in the image",
            "vérifiez l’orthographe, ou installez le programme dans l’image"),
        Entry("make it executable in the image (chmod +x)", "rendez-le exécutable dans l’image (chmod +x)"),
        Entry(
            "it is a program for another kind of processor, or a script without a first line (#!…)",
            "c’est un programme pour un autre type de processeur, ou un script sans première ligne (#!…)"),
        Entry(
            "see its first line (#!…), or use a program that was built for this distribution",
            "regardez sa première ligne (#!…), ou prenez un programme construit pour cette distribution"),
        Entry(
            "none of the directories in the container's PATH has a program of that name",
            "aucun des répertoires du PATH du conteneur n’a de programme de ce nom"),
        Entry("Signals look like SIGTERM, KILL or 9.", "Un signal s’écrit SIGTERM, KILL ou 9."),
        Entry(
            "Capabilities look like NET_ADMIN; `man 7 capabilities` lists them.",
            "Une capacité s’écrit NET_ADMIN ; `man 7 capabilities` en donne la liste."),
        Entry(
            "Use a number (-u 1000), or a name that the image's /etc/passwd has.",
            "Donnez un numéro (-u 1000), ou un nom qui figure dans le /etc/passwd de l’image."),
        Entry(
            "Use a number, or a name that the image's /etc/group has.",
            "Donnez un numéro, ou un nom qui figure dans le /etc/group de l’image."),
        Entry("The networks here are bridge, host and none.", "Les réseaux sont ici bridge, host et none."),
        Entry(
            "another program, or another container, listens on port {}",
            "un autre programme, ou un autre conteneur, écoute sur le port {}"),
        Entry(
            "choose another port of the host, or stop what uses it ('ss -tulnp' shows it)",
            "choisissez un autre port de l’hôte, ou arrêtez ce qui l’utilise ('ss -tulnp' le montre)"),
        Entry("ports below 1024 belong to root", "les ports inférieurs à 1024 sont réservés à root"),
        Entry("publish a port from 1024 on", "publiez un port à partir de 1024"),
        Entry("publish TCP ports", "publiez des ports TCP"),
        Entry("use --network host or --network none", "utilisez --network host ou --network none"),
        Entry("use --network none", "utilisez --network none"),
    ]

    private static let images = [
        Entry(
            "docker image ls shows the images that are here; docker image pull fetches others.",
            "docker image ls montre les images présentes ; docker image pull en télécharge d’autres."),
        Entry("docker image ls shows the images that are here.", "docker image ls montre les images présentes."),
        Entry("there is no {} here", "il n’y a pas de {} ici"),
        Entry("no image is called {}", "aucune image ne s’appelle {}"),
        Entry(
            "Give an image this name first: docker image tag IMAGE {}",
            "Donnez d’abord ce nom à une image : docker image tag IMAGE {}"),
        Entry("Pull the image again.", "Téléchargez de nouveau l’image (pull)."),
        Entry("Remove the image and pull it again.", "Supprimez l’image et téléchargez-la de nouveau."),
        Entry("Remove the image and make it again.", "Supprimez l’image et refaites-la."),
        Entry("Remove what uses it and pull it again.", "Supprimez ce qui l’utilise et téléchargez-la de nouveau."),
        Entry("Choose one of those with --platform.", "Choisissez-en une avec --platform."),
        Entry("{} exists for {}", "{} existe pour {}"),
        Entry("{} is not a container image", "{} n’est pas une image de conteneur"),
        Entry(
            "Artifacts can be fetched with other tools, but not run.",
            "D’autres outils peuvent télécharger des artefacts, mais on ne peut pas les exécuter."),
        Entry("{} was pushed by a very old Docker", "{} a été envoyée par un très vieux Docker"),
        Entry("Push it again with a newer one.", "Renvoyez-la avec un Docker plus récent."),
        Entry(
            "docker load takes what docker save writes; docker import takes other tar archives.",
            "docker load prend ce que docker save écrit ; docker import prend les autres archives tar."),
        Entry(
            "docker import takes a tar archive of a file system, compressed or not.",
            "docker import prend l’archive tar d’un système de fichiers, compressée ou non."),
        Entry("Make the archive again.", "Refaites l’archive."),
        Entry(
            "The archive is damaged or was made to do harm; fetch it again from a source you trust.",
            "L’archive est abîmée ou malveillante ; reprenez-la auprès d’une source sûre."),
        Entry("the practice hub has no such image", "le hub d’entraînement n’a pas cette image"),
    ]

    private static let registries = [
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
    ]

    private static let machine = [
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
    ]
}
